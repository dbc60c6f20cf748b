"""Multiply-adds, counted from the configurations."""


def step_macs(config, side, text_tokens, count=1):
    """Of one guided step; `side` in pixels. Text keys and values and modulations, made once for a drawing, are not counted."""
    d, depth, p = config["hidden_size"], config["depth"], config["patch_size"]
    channels = config["in_channels"]
    tokens = (side // 8 // p) ** 2
    linears = tokens * (4 * d * d + 2 * d * d + 2 * config["mlp_ratio"] * d * d)  # qkv + proj, q + proj of cross, MLP
    attention = 2 * tokens * tokens * d + 2 * tokens * text_tokens * d
    ends = tokens * d * p * p * channels * (1 + 2)
    return 2 * count * (depth * (linears + attention) + ends)


def decoder_macs(config, side):
    """Of the tiny decoder. After doubling, a pixel sees four different ones and not nine: more is not needed."""
    channels, counts = config["decoder_block_out_channels"], config["num_decoder_blocks"]
    pixels = (side // 8) ** 2
    macs = pixels * 9 * config["latent_channels"] * channels[0]
    for level, count in enumerate(counts):
        macs += pixels * 9 * 3 * count * channels[level] ** 2
        if level + 1 < len(counts):
            pixels *= 4
            macs += pixels * 4 * channels[level] * channels[level + 1]
    return macs + pixels * 9 * channels[-1] * 3
