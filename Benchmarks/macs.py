"""Multiply-adds of one guided step, counted from the configuration."""


def step_macs(config, side, text_tokens, count=1):
    """`side` in pixels; text keys and values and modulations, made once for a drawing, are not counted."""
    d, depth, p = config["hidden_size"], config["depth"], config["patch_size"]
    channels = config["in_channels"]
    tokens = (side // 8 // p) ** 2
    linears = tokens * (4 * d * d + 2 * d * d + 2 * config["mlp_ratio"] * d * d)  # qkv + proj, q + proj of cross, MLP
    attention = 2 * tokens * tokens * d + 2 * tokens * text_tokens * d
    ends = tokens * d * p * p * channels * (1 + 2)
    return 2 * count * (depth * (linears + attention) + ends)
