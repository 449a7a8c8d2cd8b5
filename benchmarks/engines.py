"""ONNX Runtime and OpenVINO: engines for inference alone, each imported only in the peer's process.

    name("openvino")                                its name and version
    ENGINES["openvino"].load(path, threads)         a function x -> y for the ONNX file, x: (N, 3, side, side) NumPy

They get the number of threads, and compute in float32, as everybody does here; ``openvino_bf16`` is what the same
engine does in bfloat16, with three digits, where the processor has instructions for it.
"""

from importlib import metadata


class OnnxRuntime:
    packages = ("onnx", "onnxruntime")  # PyTorch writes the file with the first
    tolerance = None  # that of the row

    @staticmethod
    def load(path, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda x: session.run(None, {"x": x})[0]


class OpenVino:
    packages = ("onnx", "openvino")
    precision, tolerance = "f32", None

    @classmethod
    def load(cls, path, threads):
        import openvino

        request = openvino.Core().compile_model(path, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": cls.precision, "PERFORMANCE_HINT": "LATENCY",
        }).create_infer_request()
        return lambda x: request.infer([x], share_inputs=True)[0]


class OpenVinoBfloat16(OpenVino):
    precision, tolerance = "bf16", 0.1


ENGINES = {"onnxruntime": OnnxRuntime, "openvino": OpenVino, "openvino_bf16": OpenVinoBfloat16}


def name(engine):
    package = ENGINES[engine].packages[-1]
    return f"{package} {metadata.version(package)} cpu{' bfloat16' if ENGINES[engine].tolerance else ''}"
