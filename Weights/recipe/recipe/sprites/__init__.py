"""Cut-outs: the pack that the painter uses, and how it is made.

`pack`      reads a pack (.tar) or a folder of one's own cut-outs
`build`     makes the pack from its public sources: `sources`, `tables`, `words`, `images`, `colors`
`drawings`  what emoji sets lack, drawn for the pack: simple things, and whole animals (`bodies`, `animals`)
"""
