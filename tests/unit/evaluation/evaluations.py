from synaxial.evaluation.scores import PROTOCOL, Evaluation

SHA256 = {"reference": 64 * "a", "training": 64 * "b"}


def evaluation_of(name, seed, values, images=100, people=4):
    return Evaluation(
        name=name,
        seed=seed,
        protocol=PROTOCOL,
        images=images,
        people=people,
        repeats=10,
        sha256=SHA256,
        values=values,
    )
