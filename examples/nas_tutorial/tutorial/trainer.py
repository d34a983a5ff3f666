"""A trainer: builds the network that a trial decided on, and learns handwritten digits for a few seconds."""

import argparse
import logging
import os
import sys
import time

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

from pliant.nas import trial
from tutorial import search_spaces


class Layers(nn.Module):
    """Convolutions in a row, or each with the sum of two earlier ones as its input."""

    def __init__(self, layers, inputs):
        super().__init__()
        widths = [1, *(filters for _, filters in layers)]
        self.inputs = inputs
        self.convs = nn.ModuleList(
            nn.Conv2d(widths[inputs[i][0]], filters, kernel, padding=kernel // 2)
            for i, (kernel, filters) in enumerate(layers)
        )
        self.head = nn.Linear(widths[-1] * 16, 10)
        self.flops = sum(conv.weight.numel() * 64 for conv in self.convs) / 1e6  # millions of multiply-adds

    def forward(self, x):
        seen = [x]
        for conv, inputs in zip(self.convs, self.inputs):
            seen.append(functional.relu(conv(sum(seen[i] for i in inputs))))
        return self.head(functional.max_pool2d(seen[-1], 2).flatten(1))


def build(spec):
    """Returns the network that a sample of any of the spaces describes, with its learning rate and weight decay."""
    rate, decay = 0.01, 1e-4
    if isinstance(spec, search_spaces.ModelConnectionSpec):
        # Layers 0 and 1 are given; seen[0] is the image, so that layer k is seen[k + 1].
        inputs = [[0], [1], *([i + 1 for i in layer.previous_layers] for layer in spec.layer_specs)]
        return Layers([(3, 6)] * 10, inputs), rate, decay
    if isinstance(spec, search_spaces.XZSpec):
        layers = [(3, 8)]
        rate, decay = 0.01 * 2 ** (spec.x / 4), 1e-4 * 2 ** ((spec.z - spec.x) / 4)  # y = z - x
    elif isinstance(spec, search_spaces.VariableLengthModelSpec):
        layers = [(one.kernel_size, one.filter_size) for one in spec.layer_specs if not one.skip_layer]
    elif isinstance(spec, search_spaces.ModelSpec):
        layers = [(one.kernel_size, one.filter_size) for one in spec.layers]
    elif isinstance(spec, dict):
        layers, rate = [(spec["kernel_size"], 8)], spec.get("learning_rate", rate)
    else:
        layers = [
            (one, 8) if isinstance(one, int) else (one["kernel_size"], one["filter_size"]) for one in spec
        ]
    return Layers(layers, [[i] for i in range(len(layers))]), rate, decay


def train(model, rate, decay, epochs):
    """Yields the number of each epoch and the accuracy after it, on images that are not learned."""
    pixels, digits = load_digits(return_X_y=True)
    images, labels = torch.tensor(pixels / 16).float().view(-1, 1, 8, 8), torch.tensor(digits)
    learned, held = train_test_split(range(1797), train_size=600, stratify=digits, random_state=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    for epoch in range(1, epochs + 1):
        for batch in torch.randperm(len(learned)).split(32):
            picked = torch.tensor(learned)[batch]
            optimizer.zero_grad()
            functional.cross_entropy(model(images[picked]), labels[picked]).backward()
            optimizer.step()
        with torch.no_grad():
            yield epoch, (model(images[held]).argmax(1) == labels[held]).float().mean().item()


def measure_latency(model):
    """Returns the time for one image, in milliseconds: the quickest of ten."""
    times = []
    with torch.no_grad():
        for _ in range(10):
            start = time.perf_counter()
            model(torch.zeros(1, 1, 8, 8))
            times.append(1000 * (time.perf_counter() - start))
    return min(times)


def main(arguments=None):
    """Trains one trial."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nas_params_str", default="")
    parser.add_argument("--job-dir", default="tmp")
    parser.add_argument("--search_space", default="basic_one_of_search_space")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--retrain_search_job_dir", default="")
    parser.add_argument("--retrain_search_job_trials", default="")
    argv = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    torch.set_num_threads(1)
    torch.manual_seed(0)

    search_space = search_spaces.get_search_space(argv.search_space)
    if argv.retrain_search_job_trials:  # stage 2
        argv.nas_params_str = trial.get_finetune_nas_params_str(
            argv.retrain_search_job_trials, argv.retrain_search_job_dir
        )
    tunable_object = trial.parse_and_save_nas_params_str(search_space, argv.nas_params_str, argv.job_dir)
    trial.serialize_and_save_tunable_object(tunable_object=tunable_object, model_dir=argv.job_dir)

    model, rate, decay = build(tunable_object)
    latency = measure_latency(model)
    for epoch, accuracy in train(model, rate, decay, argv.epochs):
        metrics = {"top_1_accuracy": accuracy, "latency_in_milliseconds": latency}
        trial.report(metrics, step=epoch, model_flops=model.flops)
        if trial.should_stop(argv.job_dir, step=epoch, total_steps=argv.epochs):
            break
    torch.save(model.state_dict(), os.path.join(argv.job_dir, "model.pt"))  # the trained model of this trial
    trial.write_job_status(argv.job_dir, "success")


if __name__ == "__main__":
    main()
