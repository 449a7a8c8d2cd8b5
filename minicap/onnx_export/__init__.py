"""Networks and captioners as ONNX files, for ONNX Runtime and every other engine that reads them."""
