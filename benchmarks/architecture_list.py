"""The architectures of ``benchmarks/architectures.py``: small configurations with random weights, by package.

An entry returns a network and its inputs.  Packages are imported inside of functions: each may be missing.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import nn

Made = tuple[nn.Module, tuple[Any, ...]]
IMAGE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
SMALL = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
IDS = torch.randint(3, 90, (2, 12), generator=torch.Generator().manual_seed(0))


def prepare() -> None:
    """Lets a torchvision whose compiled operators do not fit this build of PyTorch be imported: models need none of them."""
    try:
        import_module("torchvision")
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")  # stays registered with this process
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        prepare.library = library  # type: ignore[attr-defined]  # kept alive


def _timm(name: str, image: torch.Tensor = IMAGE, **options: Any) -> Callable[[], Made]:
    return lambda: (import_module("timm").create_model(name, num_classes=10, **options), (image,))


def _torchvision(name: str, **options: Any) -> Callable[[], Made]:
    return lambda: (
        getattr(import_module("torchvision.models"), name)(weights=None, num_classes=10, **options),
        (IMAGE,),
    )


def _smp(name: str) -> Callable[[], Made]:
    return lambda: (
        getattr(import_module("segmentation_models_pytorch"), name)(
            "resnet18", encoder_weights=None, classes=2
        ),
        (IMAGE,),
    )


_TEXT = {
    "vocab_size": 99,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def _hf(model: str, config: str, inputs: Any = IDS, **options: Any) -> Callable[[], Made]:
    def make() -> Made:
        package = import_module("transformers")
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        return getattr(package, model)(getattr(package, config)(**options)), given

    return make


def _text(model: str, config: str, **more: Any) -> Callable[[], Made]:
    return _hf(model, config, **{**_TEXT, **more})


def _vision(model: str, config: str, **more: Any) -> Callable[[], Made]:
    sizes = {
        key: _TEXT[key]
        for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    }
    return _hf(model, config, SMALL, **{**sizes, "image_size": 32, "patch_size": 8, **more})


class _Graph(nn.Module):
    """Convolutions on a graph of six nodes, and a mean over them."""

    def __init__(self, make: Callable[[Any, int, int], nn.Module]) -> None:
        super().__init__()
        layers = import_module("torch_geometric.nn")
        self.first, self.second = make(layers, 8, 16), make(layers, 16, 16)
        self.last = nn.Linear(16, 3)
        self.register_buffer("edges", torch.tensor([[0, 1, 2, 3, 4, 5, 0, 2], [1, 2, 3, 4, 5, 0, 3, 5]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x, self.edges).relu()
        found: torch.Tensor = self.last(self.second(x, self.edges).relu()).mean(0, keepdim=True)
        return found


def _graph(make: Callable[[Any, int, int], nn.Module]) -> Callable[[], Made]:
    x = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    return lambda: (_Graph(make), (x,))


_VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 4}

ARCHITECTURES: dict[str, dict[str, Callable[[], Made]]] = {
    "torchvision": {
        "ResNet-18": _torchvision("resnet18"),
        "ResNet-50": _torchvision("resnet50"),
        "ResNeXt-50": _torchvision("resnext50_32x4d"),
        "MobileNetV2": _torchvision("mobilenet_v2", width_mult=0.25),
        "MobileNetV3": _torchvision("mobilenet_v3_small", width_mult=0.5),
        "EfficientNet-B0": _torchvision("efficientnet_b0"),
        "SqueezeNet": _torchvision("squeezenet1_1"),
        "ShuffleNetV2": _torchvision("shufflenet_v2_x0_5"),
        "MNASNet": _torchvision("mnasnet0_5"),
        "RegNet": _torchvision("regnet_y_400mf"),
        "VGG-11": _torchvision("vgg11_bn"),
        "DenseNet": lambda: (
            import_module("torchvision.models").DenseNet(8, (2, 2, 2, 2), 16, num_classes=10),
            (IMAGE,),
        ),
        "ConvNeXt": _torchvision("convnext_tiny"),
        "Swin": lambda: (
            import_module("torchvision.models.swin_transformer").SwinTransformer(
                [4, 4], 16, [1, 1], [2, 4], [4, 4], num_classes=10
            ),
            (SMALL,),
        ),
        "ViT": lambda: (
            import_module("torchvision.models").VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=10),
            (SMALL,),
        ),
    },
    "timm": {
        "ResNet-10-T": _timm("resnet10t"),
        "MobileNetV3-small": _timm("mobilenetv3_small_050"),
        "EfficientNet-Lite0": _timm("efficientnet_lite0"),
        "LCNet": _timm("lcnet_050"),
        "GhostNet": _timm("ghostnet_050"),
        "RepVGG": _timm("repvgg_a0"),
        "RegNetX": _timm("regnetx_002"),
        "HardCoReNAS": _timm("hardcorenas_a"),
        "ConvNeXt": _timm("convnext_atto", depths=(1, 1, 2, 1), dims=(16, 32, 48, 64)),
        "NFNet": _timm("nfnet_l0"),
        "PoolFormer": _timm("poolformer_s12"),
        "ViT": _timm("vit_tiny_patch16_224", SMALL, **_VIT),
        "DeiT": _timm("deit_tiny_distilled_patch16_224", SMALL, **_VIT),
        "Mixer": lambda: (
            import_module("timm.models.mlp_mixer").MlpMixer(10, 32, patch_size=8, num_blocks=2, embed_dim=32),
            (SMALL,),
        ),
        "ResMLP": lambda: (
            import_module("timm.models.mlp_mixer").MlpMixer(
                10, 32, patch_size=8, num_blocks=2, embed_dim=32, mlp_ratio=4,
                block_layer=import_module("timm.models.mlp_mixer").ResBlock,
                norm_layer=import_module("timm.models.mlp_mixer").Affine,
            ),
            (SMALL,),
        ),
        "CaiT": _timm("cait_xxs24_224", SMALL, **_VIT),
        "BEiT": _timm("beit_base_patch16_224", SMALL, **_VIT),
        "EVA": _timm("eva02_tiny_patch14_224", SMALL, **_VIT),
        "Swin": _timm(
            "swin_tiny_patch4_window7_224", SMALL, img_size=32, window_size=4, embed_dim=16, depths=(1, 1), num_heads=(2, 4)
        ),
        "XCiT": _timm("xcit_nano_12_p16_224", SMALL, img_size=32, embed_dim=32, depth=2, num_heads=4),
    },
    "transformers": {
        "BERT": _text("BertForSequenceClassification", "BertConfig"),
        "RoBERTa": _text("RobertaModel", "RobertaConfig"),
        "ELECTRA": _text("ElectraModel", "ElectraConfig", embedding_size=32),
        "ALBERT": _text("AlbertModel", "AlbertConfig", embedding_size=16),
        "DistilBERT": _hf("DistilBertModel", "DistilBertConfig", vocab_size=99, dim=32, n_layers=2, n_heads=4, hidden_dim=64),
        "DeBERTa-v2": _text("DebertaV2Model", "DebertaV2Config"),
        "MPNet": _text("MPNetModel", "MPNetConfig"),
        "ModernBERT": _text("ModernBertModel", "ModernBertConfig", cls_token_id=1, sep_token_id=2),
        "GPT-2": _hf("GPT2LMHeadModel", "GPT2Config", vocab_size=99, n_positions=64, n_embd=32, n_layer=2, n_head=4),
        "GPT-NeoX": _text("GPTNeoXForCausalLM", "GPTNeoXConfig"),
        "OPT": _text("OPTForCausalLM", "OPTConfig", ffn_dim=64, word_embed_proj_dim=32),
        "BLOOM": _hf("BloomForCausalLM", "BloomConfig", vocab_size=99, hidden_size=32, n_layer=2, n_head=4),
        "Llama": _text("LlamaForCausalLM", "LlamaConfig", num_key_value_heads=2),
        "Mistral": _text("MistralForCausalLM", "MistralConfig", num_key_value_heads=2),
        "Qwen2": _text("Qwen2ForCausalLM", "Qwen2Config", num_key_value_heads=2),
        "Gemma": _text("GemmaForCausalLM", "GemmaConfig", num_key_value_heads=2, head_dim=8),
        "Phi": _text("PhiForCausalLM", "PhiConfig"),
        "Mixtral": _text(
            "MixtralForCausalLM", "MixtralConfig", num_key_value_heads=2, num_local_experts=2, num_experts_per_tok=1
        ),
        "Mamba": _hf("MambaForCausalLM", "MambaConfig", vocab_size=99, hidden_size=32, num_hidden_layers=2, state_size=4),
        "T5 encoder": _hf(
            "T5EncoderModel", "T5Config", vocab_size=99, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4
        ),
        "ViT": _vision("ViTForImageClassification", "ViTConfig"),
        "DeiT": _vision("DeiTModel", "DeiTConfig"),
        "DINOv2": _vision("Dinov2Model", "Dinov2Config"),
        "CLIP vision": _vision("CLIPVisionModel", "CLIPVisionConfig"),
        "SigLIP vision": _vision("SiglipVisionModel", "SiglipVisionConfig"),
        "ResNet": _hf("ResNetModel", "ResNetConfig", SMALL, embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]),
        "SegFormer": _hf(
            "SegformerModel", "SegformerConfig", SMALL, num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1],
            hidden_sizes=[16, 32], num_attention_heads=[2, 4], patch_sizes=[7, 3], strides=[4, 2], mlp_ratios=[2, 2],
        ),
        "Wav2Vec2": _hf(
            "Wav2Vec2Model", "Wav2Vec2Config", torch.randn(1, 800, generator=torch.Generator().manual_seed(0)),
            hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, conv_dim=(16, 16),
            conv_kernel=(10, 3), conv_stride=(5, 2), num_feat_extract_layers=2, num_conv_pos_embeddings=8,
            num_conv_pos_embedding_groups=2,
        ),
    },
    "segmentation_models_pytorch": {
        "U-Net": _smp("Unet"),
        "FPN": _smp("FPN"),
        "LinkNet": _smp("Linknet"),
        "PSPNet": _smp("PSPNet"),
    },
    "torch_geometric": {
        "GCN": _graph(lambda nn, a, b: nn.GCNConv(a, b)),
        "GraphSAGE": _graph(lambda nn, a, b: nn.SAGEConv(a, b)),
        "GIN": _graph(lambda nn, a, b: nn.GINConv(torch.nn.Sequential(torch.nn.Linear(a, 16), torch.nn.ReLU(), torch.nn.Linear(16, b)))),
    },
}  # fmt: skip
