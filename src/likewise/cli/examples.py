"""Where each command stands in ``likewise --help``, and the examples below its own help.

A test holds that every command has a section and an example, and that every example parses.
"""

from __future__ import annotations

SECTIONS = {
    "Find": ("demo", "search", "compare", "similar", "duplicates", "cluster", "map", "serve"),
    "Look after a collection": (
        "index",
        "info",
        "facts",
        "annotate",
        "failures",
        "verify",
        "optimise",
        "copy",
        "remove",
    ),
    "Describe pictures": ("networks", "recipes", "extract", "ingest"),
    "Measure": ("evaluate", "report", "sweep", "reproduce"),
    "Learn": ("train", "whiten", "quantise", "words", "classify"),
    "Look inside networks": ("inspect", "study"),
}

EXAMPLES = {
    "": (
        "likewise index ~/Pictures",
        "likewise search a.jpg -k 20 --sheet hits.png",
        "likewise serve Pictures.likewise",
    ),
    "demo": ("likewise demo", "likewise demo --photos ~/Pictures --query a.jpg"),
    "index": (
        "likewise index ~/Pictures",
        "likewise index ~/Pictures --prune",
        "likewise index scans --into scans.likewise --recipe mof-lite0",
    ),
    "search": (
        "likewise search a.jpg",
        "likewise search a.jpg -k 50 --sheet hits.png",
        "likewise search a.jpg --box 120,40,380,300",
        "likewise search a.jpg --box 10%,10%,50%,50% --then expand:n=3",
    ),
    "compare": ("likewise compare a.jpg b.jpg", "likewise compare a.jpg b.jpg --explain why.png"),
    "similar": ("likewise similar a.jpg b.jpg",),
    "duplicates": (
        "likewise duplicates --sheet groups.png",
        "likewise duplicates --keep folder:Originals,largest --plan plan.csv",
        "likewise duplicates --in card.likewise --against archive.likewise",
    ),
    "duplicates apply": (
        "likewise duplicates apply plan.csv --move Surplus",
        "likewise duplicates apply plan.csv --trash --yes",
    ),
    "duplicates undo": ("likewise duplicates undo plan.csv",),
    "duplicates dismiss": ("likewise duplicates dismiss anna.jpg berta.jpg",),
    "cluster": ("likewise cluster --sheets clusters", "likewise cluster --clusters 8 --sort-into sorted"),
    "map": ("likewise map -o map.html", "likewise map -o map.html --colour cluster --clusters 8"),
    "serve": ("likewise serve Pictures.likewise", "likewise serve --port 9000 --read-only"),
    "info": ("likewise info", "likewise info Pictures.likewise --json"),
    "facts": ("likewise facts a.jpg", "likewise facts 12 --json"),
    "annotate": ("likewise annotate columns.csv",),
    "failures": ("likewise failures",),
    "verify": ("likewise verify Pictures.likewise",),
    "optimise": ("likewise optimise Pictures.likewise",),
    "copy": (
        "likewise copy Pictures.likewise /mnt/backup/Pictures.likewise",
        "likewise copy Pictures.likewise milvus://vectors.example:19530/pictures",
    ),
    "remove": ("likewise remove a.jpg", "likewise remove 'Pictures/2019/*'", "likewise remove --id 12"),
    "networks": ("likewise networks", "likewise networks show vgg16", "likewise networks fetch vgg16"),
    "networks list": ("likewise networks list --json",),
    "networks show": ("likewise networks show efficientnet-lite0",),
    "networks fetch": ("likewise networks fetch vgg16",),
    "networks import": ("likewise networks import vgg16 vgg16-397923af.pth",),
    "recipes": ("likewise recipes", "likewise recipes show default"),
    "recipes list": ("likewise recipes list --json",),
    "recipes show": ("likewise recipes show default > mine.toml",),
    "extract": (
        "likewise extract photos -o vectors.npy --recipe default",
        "likewise extract photos -o maps.npy --network vgg16 --tap pool5 --pool mean",
        "likewise extract photos -o photos.shards --workers 4",
        "likewise extract photos -o photos.shards --part 2/3 --runner ray --device cuda",
    ),
    "ingest": ("likewise ingest photos.shards", "likewise ingest photos.shards --into archive.likewise"),
    "evaluate": (
        "likewise evaluate folder --data photos-by-building",
        "likewise evaluate oxford5k --data ~/oxford5k --recipe spoc --then expand:n=10",
    ),
    "report": (
        "likewise report runs/before.json runs/after.json",
        "likewise report runs/after.json --worst 10 --sheets worst",
    ),
    "sweep": (
        "likewise sweep --data photos-by-building --network efficientnet-lite0",
        "likewise sweep --data by-building --network vgg16 -o layers.csv",
    ),
    "reproduce": ("likewise reproduce capuano-2018 --data photos-by-building",),
    "reproduce aggregating-deep-features": (
        "likewise reproduce aggregating-deep-features --oxford ~/oxford5k",
    ),
    "reproduce capuano-2018": ("likewise reproduce capuano-2018 --data photos-by-building",),
    "reproduce paula-2020": ("likewise reproduce paula-2020 --data photos-by-class",),
    "reproduce li-2016": ("likewise reproduce li-2016 --ukbench ~/ukbench --words-on ~/photos",),
    "train": ("likewise train photos-by-building -o mine",),
    "whiten": ("likewise whiten learn photos -o white.safetensors",),
    "whiten learn": ("likewise whiten learn photos -o white.safetensors --dim 256",),
    "whiten show": ("likewise whiten show white.safetensors",),
    "quantise": ("likewise quantise learn photos -o codes.safetensors",),
    "quantise learn": ("likewise quantise learn photos -o codes.safetensors --bytes 32",),
    "quantise show": ("likewise quantise show codes.safetensors",),
    "words": ("likewise words learn photos -o words.safetensors --size 1000",),
    "words learn": ("likewise words learn photos -o words.safetensors --size 1000",),
    "words show": ("likewise words show words.safetensors",),
    "classify": ("likewise classify learn sorted -o kinds.safetensors",),
    "classify learn": ("likewise classify learn sorted -o kinds.safetensors --confusion mistakes.png",),
    "classify predict": ("likewise classify predict kinds.safetensors a.jpg b.jpg",),
    "classify show": ("likewise classify show kinds.safetensors",),
    "inspect": (
        "likewise inspect a.jpg --report a.html",
        "likewise inspect a.jpg -o maps --taps block14 --top 12",
    ),
    "study": ("likewise study cifar10",),
    "study cifar10": ("likewise study cifar10 --epochs 5 -o study",),
}
