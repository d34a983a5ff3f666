"""The search spaces of the tutorial: from one choice to classes, connections, variable lengths and coupled values."""

import pliant as pg

_KERNEL_SIZE = [3, 5, 7, 9]


# ---------------------------------------------------------------- pg.one_of and pg.sublist_of


def basic_one_of_search_space():
    """Returns a space with one choice."""
    return pg.Dict(kernel_size=pg.one_of(_KERNEL_SIZE))


def basic_sublist_of_search_space():
    """Returns a space of all pairs of distinct kernel sizes, in any order."""
    return pg.sublist_of(2, _KERNEL_SIZE, choices_sorted=False, choices_distinct=True)


# ---------------------------------------------------------------- lists and dictionaries


def _filter_sizes(base_filter_size):
    return pg.one_of([int(base_filter_size * 0.75), base_filter_size, int(base_filter_size * 1.25)])


def mnist_list_of_dictionary_search_space():
    """Returns a space of two layers, each a dictionary."""

    def _layer(base_filter_size):
        return pg.Dict(kernel_size=pg.one_of([3, 5]), filter_size=_filter_sizes(base_filter_size))

    return pg.List([_layer(base_filter_size=4), _layer(base_filter_size=8)])


# ---------------------------------------------------------------- classes


@pg.members([("kernel_size", pg.typing.Int()), ("filter_size", pg.typing.Int())])
class LayerSpec(pg.Object):
    """A layer."""


@pg.members([("layers", pg.typing.List(pg.typing.Object(LayerSpec), min_size=1))])
class ModelSpec(pg.Object):
    """A model of layers."""


def mnist_class_search_space():
    """Returns the same space, of classes."""

    def _layer(base_filter_size):
        return LayerSpec(kernel_size=pg.one_of([3, 5]), filter_size=_filter_sizes(base_filter_size))

    return ModelSpec(layers=[_layer(base_filter_size=4), _layer(base_filter_size=8)])


# ---------------------------------------------------------------- connections


@pg.members([("current_layer_idx", pg.typing.Int()), ("previous_layers", pg.typing.List(pg.typing.Int()))])
class LayerConnectionSpec(pg.Object):
    """The two earlier layers that a layer takes its input from."""


@pg.members([("layer_specs", pg.typing.List(pg.typing.Object(LayerConnectionSpec)))])
class ModelConnectionSpec(pg.Object):
    """The connections of all layers."""


def architecture_connection_search_space():
    """Returns a space of connections: layers 2 to 9 take any two earlier layers each."""

    def _build_layer_spec(current_layer_idx):
        previous_layers = pg.sublist_of(
            2, list(range(current_layer_idx)), choices_sorted=True, choices_distinct=True
        )
        return LayerConnectionSpec(current_layer_idx=current_layer_idx, previous_layers=previous_layers)

    return ModelConnectionSpec(layer_specs=[_build_layer_spec(i) for i in range(2, 10)])


# ---------------------------------------------------------------- a variable number of layers


@pg.members(
    [("kernel_size", pg.typing.Int()), ("filter_size", pg.typing.Int()), ("skip_layer", pg.typing.Bool())]
)
class SkippableLayerSpec(pg.Object):
    """A layer that may be left out."""


@pg.members([("layer_specs", pg.typing.List(pg.typing.Object(SkippableLayerSpec)))])
class VariableLengthModelSpec(pg.Object):
    """A model of 2, 3 or 4 layers."""


def variable_length_model_search_space():
    """Returns a space of models whose last two layers may be skipped."""
    layer_specs = [
        SkippableLayerSpec(kernel_size=pg.oneof([3, 5]), filter_size=pg.oneof([4, 6, 8]), skip_layer=False)
    ] * 2 + [
        SkippableLayerSpec(
            kernel_size=pg.oneof([3, 5]),
            filter_size=pg.oneof([4, 6, 8]),
            skip_layer=pg.oneof([True, False]),
        )
    ] * 2
    return VariableLengthModelSpec(layer_specs=layer_specs)


# ---------------------------------------------------------------- coupled values


@pg.members([("x", pg.typing.Int()), ("z", pg.typing.Int())])
class XZSpec(pg.Object):
    """Two coupled values, `-1 <= x + y <= 1`, as two independent ones: `y = z - x`."""


def conditional_search_space():
    """Returns a space of x and z, where z is the sum of the coupled x and y."""
    return XZSpec(x=pg.one_of(list(range(-10, 11))), z=pg.one_of([-1, 0, 1]))


def continuous_search_space():
    """Returns a space that the service cannot search: a layer and its learning rate."""
    return pg.Dict(kernel_size=pg.one_of(_KERNEL_SIZE), learning_rate=pg.floatv(1e-3, 1e-1, scale="log"))


def get_search_space(name):
    """Returns the space of a name."""
    return globals()[name]()
