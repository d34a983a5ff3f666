"""The catalogue of published spaces and networks: one table from names to entries."""

from __future__ import annotations

from fnmatch import fnmatchcase

from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote, quote_typed, suggest

from .entry import Entry

_PYGLOVE = "Peng et al., PyGlove: Symbolic Programming for Automated Machine Learning, NeurIPS 2020"
_SANDLER = "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018"
_MNASNET = "Tan et al., MnasNet: Platform-Aware Neural Architecture Search for Mobile, CVPR 2019"
_NASBENCH101 = "Ying et al., NAS-Bench-101: Towards Reproducible Neural Architecture Search, ICML 2019"
_NASBENCH201 = "Dong and Yang, NAS-Bench-201: Extending the Scope of Reproducible NAS, ICLR 2020"
_MACRO = "Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021"
_DARTS = "Liu, Simonyan and Yang, DARTS: Differentiable Architecture Search, ICLR 2019"
_ENAS = "Pham et al., Efficient Neural Architecture Search via Parameter Sharing, ICML 2018"
_AUTOFORMER = "Chen et al., AutoFormer: Searching Transformers for Visual Recognition, ICCV 2021"
_WALK_THROUGH = (
    "Sable, Neural Architecture Search Part 2: Search Space, Architecture Design and One-Shot Training, 2020"
)

_IMAGENET, _CIFAR = (3, 224, 224), (3, 32, 32)

_TABLE = (
    # Mobile networks
    Entry(
        name="mobilenet_v2",
        module="mobilenet_v2",
        title="the static MobileNetV2",
        paper=_SANDLER,
        space_name=None,
        network_name="make_network",
        inputs=_IMAGENET,
    ),
    *(
        Entry(
            name=f"mobilenet_v2/{space.lower()}",
            module="mobilenet_v2",
            title=f"MobileNetV2 with holes for {what}",
            paper=_PYGLOVE,
            options={"name": space},
            network_name="make_network",
            inputs=_IMAGENET,
        )
        for space, what in (
            ("S1", "kernel sizes, expansion ratios and removed layers"),
            ("S2", "the filters of each layer"),
            ("S3", "operations and filters: the product of S1 and S2"),
        )
    ),
    *(
        Entry(
            name=f"mnasnet/{reference}",
            module="mobile.mnasnet",
            title=f"MnasNet: seven blocks with six choices each, around {title}",
            paper=_MNASNET,
            options={"reference": reference},
            network_name="make_network",
            inputs=_IMAGENET,
        )
        for reference, title in (("mobilenet_v2", "MobileNetV2"), ("mnasnet_a1", "MnasNet-A1"))
    ),
    *(
        Entry(
            name=f"proxylessnas/{target}",
            module="mobile.proxylessnas",
            title=f"ProxylessNAS around the network found for {what}",
            paper="Cai, Zhu and Han, ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware, ICLR 2019",
            network_options={"name": target},
            network_name="make_network",
            inputs=_IMAGENET,
        )
        for target, what in (("mobile", "a phone"), ("cpu", "a CPU"), ("gpu", "a GPU"))
    ),
    *(
        Entry(
            name=f"fbnet/{name}",
            module="mobile.fbnet",
            title=f"FBNet: one of nine blocks at each of 22 places; its network is FBNet-{name.upper()}",
            paper="Wu et al., FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable NAS, CVPR 2019",
            network_options={"name": name},
            network_name="make_network",
            inputs=_IMAGENET,
        )
        for name in "abc"
    ),
    *(
        Entry(
            name=f"tunas/{space}",
            module="mobile.tunas",
            title=f"TuNAS: mobile networks with removable layers{what}",
            paper="Bender et al., Can Weight Sharing Outperform Random Architecture Search?, CVPR 2020",
            options={"enlarged": bool(what)},
            inputs=_IMAGENET,
        )
        for space, what in (("proxylessnas", ""), ("enlarged", ", and their filters"))
    ),
    Entry(
        name="once_for_all",
        module="mobile.once_for_all",
        title="MobileNetV3 with elastic depth, width, kernel size and resolution",
        paper="Cai et al., Once-for-All: Train One Network and Specialize it for Efficient Deployment, ICLR 2020",
        network_name="make_network",
        inputs=_IMAGENET,
    ),
    # Reference networks
    Entry(
        name="mobilenet_v3",
        module="backbones.mobilenet_v3",
        title="MobileNetV3-Large with holes for kernel sizes and expansions",
        paper="Howard et al., Searching for MobileNetV3, ICCV 2019",
        network_name="make_network",
        inputs=_IMAGENET,
    ),
    Entry(
        name="efficientnet",
        module="backbones.efficientnet",
        title="EfficientNet-B0 with holes for kernel sizes and expansions",
        paper="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019",
        network_name="make_network",
        inputs=_IMAGENET,
    ),
    Entry(
        name="resnet",
        module="backbones.resnet",
        title="ResNet-50 with holes for the inner widths of bottlenecks",
        paper="He et al., Deep Residual Learning for Image Recognition, CVPR 2016",
        network_name="make_network",
        inputs=_IMAGENET,
    ),
    Entry(
        name="convnext",
        module="backbones.convnext",
        title="ConvNeXt-T with holes for kernel sizes and inner widths",
        paper="Liu et al., A ConvNet for the 2020s, CVPR 2022",
        network_name="make_network",
        inputs=_IMAGENET,
    ),
    # Cells
    Entry(
        name="darts",
        module="darts",
        title="cells with an operation on each edge, as DARTS searches",
        paper=_DARTS,
        network_name="make_network",
        inputs=_CIFAR,
        graphs="to_graphs",
        structure="read_structure",
    ),
    Entry(
        name="darts/two_inputs",
        module="darts",
        title="the cells that DARTS can return: two inputs for each node",
        paper=_DARTS,
        options={"inputs": 2},
        network_name="make_network",
        inputs=_CIFAR,
        graphs="to_graphs",
        structure="read_structure",
    ),
    Entry(
        name="nasnet",
        module="nasnet",
        title="two cells of five blocks with 13 operations; its network is NASNet-A",
        paper="Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, CVPR 2018",
        network_name="make_network",
        inputs=_CIFAR,
        graphs="to_graphs",
        structure="read_structure",
    ),
    Entry(
        name="amoebanet",
        module="nasnet",
        title="two cells of five blocks with eight operations; its network is AmoebaNet-A",
        paper="Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019",
        space_name="make_amoebanet_space",
        network_name="make_amoebanet",
        inputs=_CIFAR,
        graphs="to_graphs",
        structure="read_structure",
    ),
    Entry(
        name="enas/macro",
        module="enas",
        title="whole networks of twelve layers, with any skip connections; its network has the 24 layers that are trained",
        paper=_ENAS,
        space_name="make_macro_space",
        network_name="make_macro_network",
        inputs=_CIFAR,
        graphs="to_graphs",
    ),
    Entry(
        name="enas/micro",
        module="enas",
        title="two cells of five blocks with five operations; its network has the cells that the paper found",
        paper=_ENAS,
        space_name="make_micro_space",
        network_name="make_micro_network",
        inputs=_CIFAR,
        graphs="nasnet:to_graphs",
        structure="nasnet:read_structure",
    ),
    # Spaces of published tables
    Entry(
        name="nasbench101",
        module="nasbench101",
        title="cells of NAS-Bench-101, as data",
        paper=_NASBENCH101,
        graphs="to_graphs",
    ),
    Entry(
        name="nasbench101/network",
        module="nasbench101_network",
        title="networks of NAS-Bench-101; those of invalid cells are refused when they are used",
        paper=_NASBENCH101,
        inputs=_CIFAR,
        always_valid=False,
        graphs="nasbench101:to_graphs",
    ),
    Entry(
        name="nasbench201",
        module="nasbench201",
        title="cells of NAS-Bench-201, as data",
        paper=_NASBENCH201,
        graphs="to_graphs",
        structure="read_structure",
    ),
    Entry(
        name="nasbench201/network",
        module="nasbench201_network",
        title="networks of NAS-Bench-201",
        paper=_NASBENCH201,
        inputs=_CIFAR,
        graphs="nasbench201:to_graphs",
        structure="nasbench201:read_structure",
    ),
    Entry(
        name="nats_bench/size",
        module="nasbench201_network",
        title="networks of NATS-Bench's size space: the widths of five layers",
        paper="Dong et al., NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size, TPAMI 2021",
        space_name="make_size_space",
        inputs=_CIFAR,
    ),
    Entry(
        name="nasbench_macro",
        module="nasbench_macro",
        title="networks of NAS-Bench-Macro, as data",
        paper=_MACRO,
    ),
    Entry(
        name="nasbench_macro/network",
        module="nasbench_macro_network",
        title="networks of NAS-Bench-Macro",
        paper=_MACRO,
        inputs=_CIFAR,
    ),
    # Whole networks
    *(
        Entry(
            name=f"macro/{kind}",
            module="macro",
            title=title,
            paper="Elsken, Metzen and Hutter, Neural Architecture Search: A Survey, JMLR 2019",
            space_name=f"make_{kind}",
            inputs=_CIFAR,
        )
        for kind, title in (
            ("chain", "chains of ten operations"),
            ("multi_branch", "six layers that add some of the three layers before them"),
            ("graph", "any directed acyclic graph of ten operations"),
        )
    ),
    # Perceptrons
    *(
        Entry(
            name=name,
            module="mlp",
            title=title,
            paper=_WALK_THROUGH,
            space_name=function,
            network_name="make_network",
            inputs=(1, 28, 28),
        )
        for name, function, title in (
            (
                "mlp",
                "make_space",
                "perceptrons: up to three layers from a vocabulary of 28 dense layers and dropout",
            ),
            (
                "mlp/shared",
                "make_shared_space",
                "perceptrons with units, activation and dropout decided separately",
            ),
        )
    ),
    Entry(
        name="mlp/sequences",
        module="mlp_vocabulary",
        title="perceptrons of up to three layers, by the rules of a walk-through's controller",
        paper=_WALK_THROUGH,
        space_name="make_sequence_space",
        inputs=(1, 28, 28),
    ),
    # Tables
    Entry(
        name="tabular",
        module="tabular",
        title="linear models, perceptrons and residual networks for tables, with embeddings of columns and how to train",
        paper="Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, NeurIPS 2021",
    ),
    # Dense prediction
    Entry(
        name="nas_fpn",
        module="dense.nas_fpn",
        title="feature pyramids of merging nodes, for any backbone",
        paper="Ghiasi et al., NAS-FPN: Learning Scalable Feature Pyramid Architecture for Object Detection, CVPR 2019",
        graphs="to_graphs",
    ),
    Entry(
        name="spinenet",
        module="dense.spinenet",
        title="backbones of blocks with permuted levels; its network is SpineNet-49",
        paper="Du et al., SpineNet: Learning Scale-Permuted Backbone for Recognition and Localization, CVPR 2020",
        network_name="make_network",
        inputs=_IMAGENET,
        graphs="to_graphs",
    ),
    Entry(
        name="auto_deeplab",
        module="dense.auto_deeplab",
        title="segmentation on two levels: cells, and paths through resolutions",
        paper="Liu et al., Auto-DeepLab: Hierarchical NAS for Semantic Image Segmentation, CVPR 2019",
        inputs=_IMAGENET,
        graphs="to_graphs",
    ),
    # Transformers
    Entry(
        name="autoformer/tiny",
        module="transformer",
        title="vision transformers: width, depth, heads and MLP ratios",
        paper=_AUTOFORMER,
        network_name="make_network",
        inputs=_IMAGENET,
    ),
    Entry(
        name="vit_s",
        module="transformer",
        title="ViT-S/16",
        paper="Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021; size S of Touvron et al., ICML 2021",
        network_options={"width": 384, "heads": 6},
        space_name=None,
        network_name="make_network",
        inputs=_IMAGENET,
    ),
    *(
        Entry(
            name=f"language/{kind}",
            module="language",
            title=f"transformers for text, {what}: width, depth, attention or MLPs over tokens, gates",
            paper="Vaswani et al., Attention Is All You Need, NeurIPS 2017",
            space_name=f"make_{kind}_space",
            network_options=options,
            network_name="make_network",
            inputs=(128,),
            tokens=True,
        )
        for kind, what, options in (
            ("decoder", "which predict the next token", {}),
            ("encoder", "which classify", {"classes": 2}),
        )
    ),
    # How to train
    Entry(
        name="autoaugment",
        module="training.augmentation",
        title="augmentation policies: five sub-policies of two operations",
        paper="Cubuk et al., AutoAugment: Learning Augmentation Strategies From Data, CVPR 2019",
    ),
    Entry(
        name="randaugment",
        module="training.augmentation",
        title="augmentation policies: the number of operations and one magnitude",
        paper="Cubuk et al., RandAugment: Practical Automated Data Augmentation, NeurIPS 2020",
        space_name="make_small_space",
    ),
    Entry(
        name="optimizer",
        module="training.optimizer",
        title="optimizers with their learning rates, momentum and weight decay, and schedules",
        paper=_PYGLOVE,
    ),
    Entry(
        name="mobilenet_recipe",
        module="training.recipe",
        title="how the MobileNetV2 study trains: learning rate, warm-up, weight decay, dropout and momentum",
        paper=_PYGLOVE,
    ),
)

ENTRIES: dict[str, Entry] = {entry.name: entry for entry in _TABLE}
"""All entries by name."""


def find_names(pattern: str = "*") -> list[str]:
    """Returns the names of the entries that match a pattern, in the order of the catalogue.

    >>> find_names("mobilenet_v2/*")
    ['mobilenet_v2/s1', 'mobilenet_v2/s2', 'mobilenet_v2/s3']

    Args:
      pattern: a name in which ``*`` stands for any characters and ``?`` for one.
    """
    if not isinstance(pattern, str):
        raise FieldTypeError(
            f"zoo.list takes a pattern of names, such as 'mobilenet_v2/*'; got {quote_typed(pattern)}."
        )
    return [name for name in ENTRIES if fnmatchcase(name, pattern[:1000])]


def get(name: str) -> Entry:
    """Returns an entry by name.

    >>> get("mobilenet_v2/s3").size > 10**27
    True

    Raises:
      FieldValueError: the name is unknown.
    """
    if name not in ENTRIES:
        raise FieldValueError(
            f"the zoo has no entry {quote(name)}{suggest(name, ENTRIES) or '.'} Known: {listing(ENTRIES, limit=100)}."
        )
    return ENTRIES[name]
