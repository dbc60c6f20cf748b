"""The registry of drawings: ART[name](style) gives layers from back to front, or a finished picture."""

ART = {}
ALL = ("3d", "flat", "cartoon")


def art(name, styles=ALL):
    def d(f):
        f.styles = styles
        ART[name] = f
        return f

    return d


def outline(st, layers, pal, w=1.3):
    """white animals in the flat and cartoon styles stand in a coloured outline"""
    if st not in pal:
        return layers
    o = [dict(s=[q for q in l["s"]], c=pal[st], out=w) for l in layers if "s" in l and not l.get("thin")]
    return o + layers
