"""An ES-ENAS style controller: batches of DNA from algorithms that are driven by hand, and an algorithm of its own."""

import abc
import json
import random

import pyglove as pg


@pg.members([("learning_rate", pg.typing.Float(default=0.2)), ("seed", pg.typing.Int().noneable())])
class Bandit(pg.DNAGenerator):
    """Keeps one weight per candidate and draws by weight."""

    def _setup(self):
        self._random = random.Random(self.seed)
        self._weights = [[1.0] * len(point.candidates) for point in self.dna_spec.decision_points]
        self._mean = 0.0

    def _propose(self):
        picks = [self._random.choices(range(len(one)), one)[0] for one in self._weights]
        return pg.DNA(picks, spec=self.dna_spec)

    def _feedback(self, dna, reward):
        for one, pick in zip(self._weights, dna.to_numbers()):
            one[pick] = max(0.05, one[pick] + self.learning_rate * (reward - self._mean))
        self._mean += 0.1 * (reward - self._mean)


class Controller(abc.ABC):
    """Proposes topologies, and learns from a batch of rewards."""

    def __init__(self, dna_spec, batch_size, algorithm):
        self._batch_size = batch_size
        self._algorithm = algorithm
        self._algorithm.setup(dna_spec)

    def propose(self):
        return [self._algorithm.propose() for _ in range(self._batch_size)]

    def collect(self, dna_list, rewards):
        for dna, reward in zip(dna_list, rewards):
            self._algorithm.feedback(dna, reward)

    @property
    def counts(self):
        return [self._algorithm.num_proposals, self._algorithm.num_feedbacks]


def evolve(seed):
    mutator = pg.evolution.mutators.Uniform(seed=seed)
    return pg.evolution.regularized_evolution(
        mutator=mutator, population_size=8, tournament_size=3, seed=seed
    )


def run(algorithm):
    template = pg.template(pg.List([pg.oneof(["relu", "tanh", "gelu"]) for _ in range(4)]))
    controller = Controller(template.dna_spec(), 4, algorithm)
    proposed = []
    for _ in range(6):
        batch = controller.propose()
        networks = [template.decode(dna) for dna in batch]
        controller.collect(batch, [float(list(network).count("gelu")) for network in networks])
        proposed += [
            [dna.to_numbers(), template.encode(network) == dna] for dna, network in zip(batch, networks)
        ]
    dna = batch[0]
    restored = pg.from_json_str(dna.to_json_str())
    return {
        "proposed": proposed,
        "counts": controller.counts,
        "kept": restored.to_numbers() == dna.to_numbers(),
    }


print(
    json.dumps(
        {"bandit": run(Bandit(seed=2)), "evolution": run(evolve(3)), "random": run(pg.geno.Random(seed=4))}
    )
)
