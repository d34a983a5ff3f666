"""A SAMMO style search over prompts: prompts are trees of components; spaces are functions, and rewrites are edits."""

import json
import random

import pyglove as pg


class Component(pg.Object):
    """A part of a prompt."""

    def render(self):
        raise NotImplementedError


class Text(Component):
    """Fixed text."""

    content: str

    def render(self):
        return self.content


class Section(Component):
    """A title and parts."""

    title: str
    parts: list[Component]

    def render(self):
        return "\n".join([f"# {self.title}", *(part.render() for part in self.parts)])


class Prompt(Component):
    """Sections and options."""

    sections: list[Section]
    style: str = "plain"

    def render(self):
        return "\n\n".join(section.render() for section in self.sections)


INSTRUCTIONS = ["Answer the question.", "Think step by step, then answer.", "Answer with one word."]


def space():
    instruction = pg.oneof(INSTRUCTIONS, name="instruction")
    examples = pg.manyof(2, ["1+1=2", "2+3=5", "4+4=8"], sorted=True, name="examples")
    return Prompt(
        [
            Section("Task", [Text(instruction)]),
            Section("Examples", [Text(example) for example in examples]),
        ],
        style=pg.oneof(["plain", "json"], name="style"),
    )


def enumerate_space():
    traced = pg.hyper.trace(space)
    points = []
    for context in pg.iter(traced, 7):
        with context():
            points.append(space().render())
    return traced.dna_spec.space_size, points


def sample_space():
    traced = pg.hyper.trace(space)
    best = None
    for context, feedback in pg.sample(traced, pg.geno.Random(seed=3), num_examples=8):
        with context():
            prompt = space()
        reward = -len(prompt.render()) + 20 * (prompt.style == "json")
        best = max(best or (-10000, ""), (reward, prompt.render()))
        feedback(reward)
    return best


def rewrite(prompt, rng):
    """Returns an edited copy: another text, one part fewer, or sections in another order."""
    copy = prompt.clone(deep=True)
    texts = list(pg.query(copy, where=lambda v: isinstance(v, Text)).items())
    kind = rng.choice(["replace", "drop", "swap"])
    if kind == "replace":
        path, text = rng.choice(texts)
        copy.rebind({f"{path}.content": text.content.upper()})
    elif kind == "drop" and len(copy.sections[-1].parts) > 1:
        section = copy.sections[-1]
        section.rebind(parts=[part.clone() for part in section.parts[1:]])
    else:
        copy.rebind(sections=list(reversed([section.clone() for section in copy.sections])))
    return kind, copy


def search_by_edits():
    rng = random.Random(5)
    beam = [Prompt([Section("Task", [Text("Answer.")]), Section("Notes", [Text("a"), Text("b")])])]
    log = []
    for _ in range(4):
        rewritten = [rewrite(prompt, rng) for prompt in beam for _ in range(3)]
        log.append([kind for kind, _ in rewritten])
        beam = sorted((prompt for _, prompt in rewritten), key=lambda p: (len(p.render()), p.render()))[:2]
    stored = pg.from_json_str(pg.to_json_str(beam[0]))
    return log, [prompt.render() for prompt in beam], pg.eq(stored, beam[0])


def concrete():
    """A space that is a value, not a function."""
    value = Prompt([Section("Task", [Text(pg.oneof(INSTRUCTIONS))])], style=pg.oneof(["plain", "json"]))
    first = next(iter(pg.iter(value)))
    return [
        value.is_deterministic,
        first.is_deterministic,
        first.render(),
        first.style,
        [x.style for x in pg.random_sample(value, 5, seed=1)],
        len(list(pg.iter(value))),
    ]


print(
    json.dumps(
        {
            "enumerated": enumerate_space(),
            "sampled": sample_space(),
            "edited": search_by_edits(),
            "concrete": concrete(),
        }
    )
)
