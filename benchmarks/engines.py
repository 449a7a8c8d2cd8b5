"""ONNX Runtime and OpenVINO: engines for inference alone, each imported only in the peer's process.

    ENGINES["openvino"].start()                     its name and version
    ENGINES["openvino"].load(path, threads)         a function x -> y for the ONNX file, x: (N, 3, side, side) NumPy

Both compute in float32, as everybody does here, and get the number of threads.
"""

from importlib import metadata


class OnnxRuntime:
    packages = ("onnx", "onnxruntime")  # PyTorch writes the file with the first

    @staticmethod
    def load(path, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda x: session.run(None, {"x": x})[0]


class OpenVino:
    packages = ("onnx", "openvino")

    @staticmethod
    def load(path, threads):
        import openvino

        request = openvino.Core().compile_model(path, "CPU", {
            "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY",
        }).create_infer_request()
        return lambda x: request.infer([x], share_inputs=True)[0]


ENGINES = {"onnxruntime": OnnxRuntime, "openvino": OpenVino}


def name(engine):
    return f"{engine} {metadata.version(engine)} cpu"
