"""An ONNX graph, written node by node. Values have names; weights lie in the file.

    graph = Graph("decoder", layer)
    x = graph.input("x", "float32", ["images", 3])
    y = graph.node("MatMul", x, graph.weight(layer.W))
    graph.output("y", y, "float32", ["images", 4])
    graph.model()                                    # an onnx.ModelProto, checked

An axis with a name, here "images", may have any length. https://onnx.ai/onnx/operators says what each node computes.
"""

import numpy as np

from ..backend import to_numpy
from ..errors import UserError

OPSET, IR_VERSION = 17, 8  # of 2022: every engine of today reads them
PRODUCER = "minicap"


def onnx_package():
    """The module ``onnx``; UserError, which says how to get it, where it is not installed."""
    try:
        import onnx
    except ImportError as error:
        raise UserError("ONNX files are written by the package onnx, which is not installed: "
                        "`pip install 'minicap[onnx]'`") from error
    return onnx


class Graph:
    """A graph that grows. ``layers``: those whose weights it has, under the names that they have there."""

    def __init__(self, name, *layers):
        self.onnx, self.name, self.layers = onnx_package(), name, layers
        self.names = {id(p): of_layer for layer in layers for of_layer, p in layer.named_state()}
        self.inputs, self.outputs, self.nodes, self.tensors = [], [], [], {}

    def input(self, name, dtype, shape):
        self.inputs.append(self._described(name, dtype, shape))
        return name

    def output(self, name, value, dtype, shape):
        """Let ``value`` be an output under the name ``name``."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name]))
        self.outputs.append(self._described(name, dtype, shape))

    def node(self, operator, *values, outputs=1, **attributes):
        """Apply ``operator`` to values; returns the name of what comes out, a list of names where that is several."""
        names = [f"{operator}_{len(self.nodes)}" + f"_{k}" * (outputs > 1) for k in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(operator, list(values), names, **attributes))
        return names[0] if outputs == 1 else names

    def weight(self, parameter, axes=None):
        """A Parameter or Buffer as a value, with its axes transposed to the order ``axes``."""
        name = self.names[id(parameter)]
        array = to_numpy(parameter.data).astype(np.float32)
        self.tensors[name] = np.ascontiguousarray(array if axes is None else array.transpose(axes))
        return name

    def constant(self, value, dtype=np.float32):
        """A number, or an array of them, as a value."""
        name = f"constant_{len(self.tensors)}"
        self.tensors[name] = np.asarray(value, dtype)
        return name

    def model(self, **metadata):
        """The finished graph as a model of its own; ``metadata``: texts that the file holds beside it."""
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs)
        model = helper.make_model(graph, producer_name=PRODUCER, ir_version=IR_VERSION,
                                  opset_imports=[helper.make_opsetid("", OPSET)])
        helper.set_model_props(model, metadata)
        while self.tensors:  # last, and one by one: whatever is passed to these functions is copied
            name, array = self.tensors.popitem()
            model.graph.initializer.append(self.onnx.numpy_helper.from_array(array, name))
        self.onnx.checker.check_model(model)
        return model

    def _described(self, name, dtype, shape):
        element = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.onnx.helper.make_tensor_value_info(name, element, shape)
