"""The competitors: PyTorch and onnxruntime, each as a function of the inputs of one step."""

import copy
import warnings

import numpy as np
import onnxruntime
import torch
import torch._inductor.config as inductor
from onnxruntime.quantization import QuantType, quantize_dynamic
from ours import THREADS

warnings.filterwarnings("ignore")
torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)


def cast(inputs, dtype):
    return [x.to(dtype) if x.is_floating_point() else x for x in inputs]


def eager(model, inputs, dtype):
    model, inputs = copy.deepcopy(model).to(dtype), cast(inputs, dtype)
    return lambda: model(*inputs)


def compiled(model, inputs, dtype):
    """torch.compile with the weights frozen into the code, which lets it pack them."""
    inductor.freezing = True
    model, inputs = torch.compile(copy.deepcopy(model).to(dtype)), cast(inputs, dtype)
    model(*inputs)
    return lambda: model(*inputs)


def dynamic_int8(model, inputs):
    model = torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {torch.nn.Linear}, dtype=torch.qint8)
    return lambda: model(*inputs)


def channels_last(model, inputs, dtype):
    """A convolutional model and its inputs in the layout its kernels like best."""
    model = copy.deepcopy(model).to(dtype).to(memory_format=torch.channels_last)
    return model, [x.to(dtype).to(memory_format=torch.channels_last) for x in inputs]


def onnx_sessions(model, inputs, folder):
    """(float32, dynamic int8) by onnxruntime: functions that return the output as a tensor."""
    plain, quantised = folder / "step.onnx", folder / "step-int8.onnx"
    torch.onnx.export(model, tuple(inputs), plain, dynamo=True, external_data=False, verbose=False)
    quantize_dynamic(plain, quantised, per_channel=True, weight_type=QuantType.QInt8)
    return session(plain, inputs), session(quantised, inputs)


def session(path, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    opened = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    named = {slot.name: np.ascontiguousarray(x.numpy()) for slot, x in zip(opened.get_inputs(), inputs)}
    return lambda: torch.from_numpy(opened.run(None, named)[0])
