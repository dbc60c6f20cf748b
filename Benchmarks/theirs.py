"""The competitors: PyTorch, onnxruntime and OpenVINO, each as a function of the inputs of one step."""

import copy
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import openvino
import torch
import torch._inductor.config as inductor
from onnxruntime.quantization import QuantType, quantize_dynamic
from ours import THREADS

warnings.filterwarnings("ignore")
torch.set_num_threads(THREADS)
torch.set_grad_enabled(False)

CPU = openvino.Core()
# Without bfloat16 in the processor PyTorch emulates it, six times slower than float32, and OpenVINO computes float32.
HAS_BF16 = "BF16" in CPU.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def cast(inputs, dtype):
    return [x.to(dtype) if x.is_floating_point() else x for x in inputs]


def kept(path, make):
    """A file that takes long to make: made once for each version of the network, its weights and this file."""
    here = Path(__file__).parent
    sources = [here / "theirs.py", here / "reference.py", *(path.parent / "small").rglob("*.safetensors")]
    if not path.exists() or path.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        make()
    return path


# ---------------------------------------------------------------- PyTorch


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


# ---------------------------------------------------------------- onnxruntime


def onnx_sessions(model, inputs, folder):
    """(float32, dynamic int8): functions that return the output as a tensor."""
    plain, quantised = folder / "step.onnx", folder / "step-int8.onnx"
    kept(plain, lambda: torch.onnx.export(
        model, tuple(inputs), plain, dynamo=True, external_data=False, verbose=False))
    kept(quantised, lambda: quantize_dynamic(plain, quantised, per_channel=True, weight_type=QuantType.QInt8))
    return session(plain, inputs), session(quantised, inputs)


def session(path, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    opened = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    named = {slot.name: x for slot, x in zip(opened.get_inputs(), arrays(inputs))}
    return lambda: torch.from_numpy(opened.run(None, named)[0])


def arrays(inputs):
    return [np.ascontiguousarray(x.float().numpy() if x.is_floating_point() else x.numpy()) for x in inputs]


# ---------------------------------------------------------------- OpenVINO


def converted(model, inputs):
    """The network with its weights and shapes fixed."""
    return openvino.convert_model(model, example_input=tuple(inputs), input=[list(x.shape) for x in inputs])


def compiled_openvino(network, inputs, precision="f32"):
    """A function that returns the output as a tensor.

    precision: what layers that are not quantised are computed in; bf16 is f32 where the processor has none (HAS_BF16).
    """
    network = CPU.compile_model(network, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": THREADS,
        "INFERENCE_PRECISION_HINT": precision})
    request, inputs = network.create_infer_request(), arrays(inputs)
    return lambda: torch.from_numpy(request.infer(inputs, share_inputs=True, share_outputs=True)[0])


def openvino_int8(network, inputs, path, transformer):
    """Weights and activations in int8, as OpenVINO's own NNCF does it after training; calibrated by the very inputs."""

    def quantise():
        import nncf

        nncf.set_log_level(40)
        kind = nncf.ModelType.TRANSFORMER if transformer else None
        quantised = nncf.quantize(network, nncf.Dataset([arrays(inputs)]), subset_size=1, model_type=kind)
        openvino.save_model(quantised, path, compress_to_fp16=False)

    return compiled_openvino(CPU.read_model(kept(path, quantise)), inputs, "bf16")


def openvinos(model, inputs, path, transformer=False):
    """OpenVINO as contestants, by name."""
    network = converted(model, inputs)
    result = {"openvino f32": compiled_openvino(network, inputs)}
    if HAS_BF16:
        result["openvino bf16"] = compiled_openvino(network, inputs, "bf16")
    return result | {"openvino int8": openvino_int8(network, inputs, path, transformer)}
