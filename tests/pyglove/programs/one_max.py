"""One-max: as many ones as possible, by built-in choices and by a decision of its own kind."""

import json
import random

import pyglove as pg

N = 8


class BitString(pg.hyper.CustomHyper):
    """A string of bits as one decision."""

    def custom_decode(self, dna):
        return [int(bit) for bit in dna.value]


class FlipOneBit(pg.evolution.Mutator):
    """Flips one bit."""

    def mutate(self, dna):
        index = random.randint(0, len(dna.value) - 1)
        flipped = "0" if dna.value[index] == "1" else "1"
        return pg.DNA(dna.value[:index] + flipped + dna.value[index + 1 :])


def first_strings(count):
    @pg.geno.dna_generator
    def strings(dna_spec):
        for _ in range(count):
            yield pg.DNA("".join(str(random.randint(0, 1)) for _ in range(N)), spec=dna_spec)

    return strings.partial()


def run(space, algorithm):
    rewards = []
    for bits, feedback in pg.sample(space, algorithm, num_examples=26):
        rewards.append(sum(bits))
        feedback(rewards[-1])
    return rewards, algorithm.num_generations, len(algorithm.population)


def evolve(init, mutator):
    return pg.evolution.Evolution(
        pg.evolution.selectors.Random(4) >> pg.evolution.selectors.Top(1) >> mutator,
        population_init=init,
        population_update=pg.evolution.selectors.Last(10),
    )


random.seed(0)
built_in = run(
    pg.manyof(N, [0, 1], distinct=False), evolve((pg.geno.Random(), 6), pg.evolution.mutators.Uniform())
)
custom = run(BitString(), evolve(first_strings(6), FlipOneBit()))
print(json.dumps({"built-in": built_in, "custom": custom}))
