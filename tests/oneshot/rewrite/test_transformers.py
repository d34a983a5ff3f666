"""One small network of each family of transformers, with random weights: opened networks compute the same bit for bit."""

import os

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot.rewrite.foreign import open_network
from pliant.oneshot.rewrite.layer_fields import read_fields

os.environ.setdefault("HF_HUB_OFFLINE", "1")
tf = pytest.importorskip(
    "transformers", reason="transformers is in the extra `test`; it is not installed here"
)
tf.logging.set_verbosity_error()

TEXT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 50, "max_position_embeddings": 40,
}  # fmt: skip
LLAMA = {**TEXT, "num_key_value_heads": 1}
IMAGE = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32, "patch_size": 8,
}  # fmt: skip
HALVES = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32, "vocab_size": 50,
}  # fmt: skip

FAMILIES = {
    "BertForMaskedLM": (tf.BertConfig, TEXT),
    "RobertaForMaskedLM": (tf.RobertaConfig, TEXT),
    "DistilBertForMaskedLM": (tf.DistilBertConfig, {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "vocab_size": 50}),
    "ElectraModel": (tf.ElectraConfig, {**TEXT, "embedding_size": 8}),
    "AlbertModel": (tf.AlbertConfig, {**TEXT, "embedding_size": 8}),
    "DebertaV2Model": (tf.DebertaV2Config, TEXT),
    "GPT2LMHeadModel": (tf.GPT2Config, {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 50, "n_positions": 32}),
    "OPTForCausalLM": (
        tf.OPTConfig, {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 32, "vocab_size": 50, "word_embed_proj_dim": 16},
    ),
    "BloomForCausalLM": (tf.BloomConfig, {"hidden_size": 16, "n_layer": 2, "n_head": 2, "vocab_size": 50}),
    "LlamaForCausalLM": (tf.LlamaConfig, {**LLAMA, "tie_word_embeddings": True}),
    "GemmaForCausalLM": (tf.GemmaConfig, {**LLAMA, "head_dim": 8}),
    "MixtralForCausalLM": (tf.MixtralConfig, {**LLAMA, "num_local_experts": 2}),
    "MambaForCausalLM": (tf.MambaConfig, {"hidden_size": 16, "num_hidden_layers": 2, "vocab_size": 50, "state_size": 4}),
    "T5ForConditionalGeneration": (
        tf.T5Config, {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "vocab_size": 50, "decoder_start_token_id": 0},
    ),
    "BartForConditionalGeneration": (tf.BartConfig, {**HALVES, "max_position_embeddings": 32}),
    "WhisperModel": (
        tf.WhisperConfig,
        {**HALVES, "num_mel_bins": 8, "max_source_positions": 20, "max_target_positions": 20, "pad_token_id": 0, "bos_token_id": 1,
         "decoder_start_token_id": 1, "eos_token_id": 2, "suppress_tokens": None, "begin_suppress_tokens": None},
    ),
    "ViTForImageClassification": (tf.ViTConfig, IMAGE),
    "CLIPVisionModel": (tf.CLIPVisionConfig, IMAGE),
    "SwinForImageClassification": (
        tf.SwinConfig, {"image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4},
    ),
    "ConvNextForImageClassification": (tf.ConvNextConfig, {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}),
    "SegformerForSemanticSegmentation": (
        tf.SegformerConfig,
        {"hidden_sizes": [8] * 4, "depths": [1] * 4, "num_attention_heads": [1] * 4, "decoder_hidden_size": 8},
    ),
    "Wav2Vec2Model": (
        tf.Wav2Vec2Config,
        {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "conv_dim": [8, 8], "conv_stride": [5, 2],
         "conv_kernel": [10, 3], "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2},
    ),
}  # fmt: skip


def make(name):
    torch.manual_seed(0)
    config, arguments = FAMILIES[name]
    return getattr(tf, name)(config(**arguments)).eval()


def make_inputs(network):
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 50, (2, 5), generator=generator)
    inputs = {
        "input_ids": ids,
        "pixel_values": torch.randn(2, 3, 32, 32, generator=generator),
        "input_values": torch.randn(2, 800, generator=generator),
        "input_features": torch.randn(2, 8, 40, generator=generator),
    }
    found = {network.main_input_name: inputs[network.main_input_name]}
    if network.config.is_encoder_decoder:
        found["decoder_input_ids"] = ids
    return found


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for part in parts for tensor in tensors(part)]


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_the_same_network(name, tmp_path):
    network = make(name)
    inputs = make_inputs(network)
    program = open_network(network)
    expected, found = tensors(network(**inputs)), tensors(program(**inputs))
    assert len(found) == len(expected) > 0
    assert all(map(torch.equal, found, expected))
    assert isinstance(program, type(network))
    assert list(program.state_dict()) == list(network.state_dict())
    assert len(list(program.parameters())) == len(list(network.parameters()))
    program.save_pretrained(tmp_path)
    read = type(network).from_pretrained(tmp_path).eval()
    assert all(map(torch.equal, tensors(read(**inputs)), expected))


@pytest.mark.parametrize("name", [name for name in FAMILIES if name.endswith("LM") and "Masked" not in name])
@torch.no_grad()
def test_text_is_generated(name):
    network = make(name)
    program, inputs = open_network(network), make_inputs(network)
    made = [one.generate(**inputs, max_new_tokens=4, do_sample=False) for one in (network, program)]
    assert torch.equal(*made)


def test_layers_have_fields():
    network = make("GPT2LMHeadModel")
    kinds = {
        type(module).__name__: read_fields(module) for module in network.modules() if not module._modules
    }
    assert kinds["Conv1D"][1].keys() == {"nf", "nx"}
    norm = make("LlamaForCausalLM").model.norm
    assert read_fields(norm)[1] == {"hidden_size": 16, "eps": norm.variance_epsilon}


def test_depth_of_a_sentence_encoder():
    """What a user writes for a space of depths."""
    network = make("BertForMaskedLM")
    program = open_network(network)

    class Skip(nn.Module):
        def forward(self, hidden_states, *args, **options):
            return hidden_states

    skip = pg.symbolize(Skip)
    space = program.clone().rebind(
        {f"{path}": pg.oneof([node, skip()]) for path, node in pg.query(program, r".*encoder\.layer\.layers\[\d\]").items()}
    )  # fmt: skip
    assert len(list(pg.iter(space.clone()))) == 4
    whole = pg.materialize(space, [0, 0])
    assert all(
        map(torch.equal, tensors(whole(**make_inputs(network))), tensors(network(**make_inputs(network))))
    )
