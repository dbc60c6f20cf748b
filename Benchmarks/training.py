"""A step of teaching in PyTorch: PEFT's adapters on what `dit-t2i teach` puts them on, the same loss, optimiser and batch."""

import copy

import torch
import torch._inductor.config as inductor
from peft import LoraConfig, get_peft_model
from reference import timestep_features
from theirs import HAS_BF16

BATCH, RANK = 4, 8
LAYERS = ["attn.qkv", "attn.proj", "cross.q", "cross.kv", "cross.proj", "mlp.fc1", "mlp.fc2"]


def contestants(model, case):
    """Functions that take a step, compiled: in float32 and, where the processor has it, with the network and its products in
    bfloat16; the adapters, their gradients and moments stay float32."""
    inductor.freezing = False  # for drawing; what is taught is not frozen
    types = {"f32": torch.float32} | ({"bf16": torch.bfloat16} if HAS_BF16 else {})
    return {
        f"torch compiled {name}, PEFT": step(copy.deepcopy(model).to(dtype), case, dtype) for name, dtype in types.items()}


def step(model, case, dtype):
    network = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=RANK, target_modules=LAYERS)).train()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    kept = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
    latents = torch.randn(BATCH, *case["latents"].shape[1:])
    text = case["text"].expand(BATCH, -1, -1).to(dtype)
    label = torch.full((BATCH,), model.y_table.num_embeddings - 1)

    def loss(noisy, noise, features, weight):
        # Without autocast PEFT would compute its adapters in float32 beside a network in bfloat16.
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            output = network(noisy, features, label, text, None)
        error = output[:, : noise.shape[1]].float() - noise
        return (error.square().mean((1, 2, 3)) * weight).mean()

    compiled = torch.compile(loss)

    def body():
        with torch.enable_grad():
            timesteps, noise = torch.randint(1000, (BATCH,)), torch.randn_like(latents)
            signal = kept[timesteps]
            noisy = signal.sqrt().view(-1, 1, 1, 1) * latents + (1 - signal).sqrt().view(-1, 1, 1, 1) * noise
            features = torch.cat([timestep_features(timestep, 1) for timestep in timesteps])
            weight = (5 * (1 - signal) / signal).clamp(max=1)
            compiled(noisy.to(dtype), noise, features.to(dtype), weight).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

    return body
