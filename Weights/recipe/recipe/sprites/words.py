"""English for the concept tables: plurals, articles, and what a synonym gives away."""

from __future__ import annotations

import re
from collections import defaultdict

HEAD_ENDS = (  # where the noun of a phrase ends: "person with a hat" is about persons
    " with ",
    " of ",
    " getting ",
    " doing ",
    " rolling ",
    " in ",
    " on ",
    " behind ",
    " covering ",
    " taking ",
    " riding ",
)
IRREGULAR = {
    "man": "men",
    "woman": "women",
    "person": "people",
    "child": "children",
    "fish": "fish",
    "mouse": "mice",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "leaf": "leaves",
    "knife": "knives",
    "loaf": "loaves",
    "wolf": "wolves",
    "elf": "elves",
    "shelf": "shelves",
    "scarf": "scarves",
    "dwarf": "dwarves",
}
MASS = set(
    """toast,pasta,gelato,flan,coffee,cappuccino,hot chocolate,milk,wine,beef,juice,apple juice,lavender,mint,basil,
glitter,money,cash,mail,wool,yarn,margarine,fruit punch,cola,ale,lager,whisky,scotch,bourbon,matcha,boba,milk tea,
boba tea,pearl tea,cheddar,swiss cheese,porridge,oatmeal,cereal,rice,cooked rice,white rice,honey,salt,maize,sweetcorn,
barley,grain,kale,spinach,soup,noodle soup,pho,udon,sunshine,lightning,ice,firewood,timber,wood,dynamite,confetti,
cutlery,silverware,luggage,baggage,rope,poo,dung,blood,dna,paper,medicine,applause,makeup,bamboo,lettuce,shawarma,
beetroot,underwear,swimwear,soap,rofl,music,bowling,badminton,table tennis,ice hockey,lacrosse,ping pong,tennis,
chocolate,steam,hail,wheat,glass,fried chicken,cabbage,rosary beads,smoke,thread,parchment,papyrus,calamari,naan,mochi,
oden,seafood pan,meat,roast meat,kakigori""".replace("\n", "").split(",")
)
NAMES = set(
    """santa,father christmas,saint nicholas,mother christmas,mrs santa,dracula,count dracula,merlin,gandalf,poseidon,
fuji,mt fuji,fujisan,prince charming,sherlock holmes,planet earth,mecca,frosty,someone""".replace("\n", "").split(",")
)
PHRASES = ("person ", "face ", "monkey ", "dog ", "man ", "woman ", "laughing with")
SYNONYM_HEAD = re.compile(r" (?:with|of|in|on|behind|and|made|for|at|from|through|covering|hiding|at) ")
PLURALS = re.compile(r"(hands|masks|people|women|men|mice|geese|leaves|girls|boys|eyes|teeth)$")
NOT_PLURAL = ("lens", "canvas", "atlas", "brontosaurus", "christmas", "compass")
COLOR_WORD = re.compile(
    r"(?<!of )\b(red|orange|yellow|green|blue|purple|pink|brown|black|white|gr[ae]y|gold|golden|silver)(bird|bell)?\b"
)
COLOR_NAMES = dict(grey="gray", golden="yellow", gold="yellow", silver="gray")
MALE = re.compile(r"(?<!hu)(?<!wo)(man|men|\bking|father|boy|grandpa|\bprince|boyfriend)\b")
FEMALE = re.compile(r"(woman|women|\bqueen(?!'s)|mother|girl|lady|heroine|princess)\b")


def plural(name: str) -> str:
    head, tail = name, ""
    for end in HEAD_ENDS:
        if end in name:
            at = name.index(end)
            head, tail = name[:at], name[at:]
            break
    *before, word = head.rsplit(" ", 1)
    return " ".join([*before, _plural_word(word)]) + tail


def _plural_word(word: str) -> str:
    for one, many in IRREGULAR.items():
        compound = one in ("man", "woman") and word.endswith(one) and not word.endswith(("human", "shaman"))
        if word == one or compound:
            return word[: len(word) - len(one)] + many
    if re.search(r"(s|x|z|ch|sh)$", word):
        return word + "es"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + "s"


def article(name: str) -> str:
    if re.match(r"(uni|use|uku|eu|one|ufo)", name):
        return "a"
    if re.match(r"(hour|x-ray|mp3|suv)", name):
        return "an"
    return "an" if name[0] in "aeiou" else "a"


def synonym_article(name: str) -> str:
    """Of things that have no article of their own in the tables."""
    if name in NAMES or name.startswith(("the ", "two ", "someone")):
        return ""
    if name.startswith(PHRASES):
        return article(name)
    last = SYNONYM_HEAD.split(name)[0].split(" ")[-1]
    many = PLURALS.search(last) or (re.search(r"[^sui]s$", last) and last not in NOT_PLURAL)
    return "some" if name in MASS or many else article(name)


def split_synonyms(
    concept: str, synonyms: list[str], recolorable: bool, gendered: bool
) -> tuple[list[str], dict[str, list[str]], dict[str, list[str]]]:
    """Plain synonyms, those that name a colour, by colour, and those that name a sex, by "man" and "woman"."""
    plain, by_color, by_gender = [], defaultdict(list), defaultdict(list)
    for synonym in synonyms:
        color = COLOR_WORD.search(synonym) if recolorable else None
        sex = None
        if gendered:
            sex = "woman" if FEMALE.search(synonym) else "man" if MALE.search(synonym) else None
        if color:
            by_color[COLOR_NAMES.get(color[1], color[1])].append(synonym)
        elif sex:
            by_gender[sex].append(synonym)
        else:
            plain.append(synonym)
    for sex, adjective in (("man", "male"), ("woman", "female")) if gendered else ():
        person = concept.startswith("person ")
        by_gender[sex] += [sex + concept[6:]] if person else [f"{sex} {concept}", f"{adjective} {concept}"]
    return plain, dict(by_color), {sex: list(dict.fromkeys(words)) for sex, words in by_gender.items()}
