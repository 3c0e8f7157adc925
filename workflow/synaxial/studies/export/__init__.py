"""A trained generator for use elsewhere: an ONNX file, and a model card."""
