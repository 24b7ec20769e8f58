"""Whatever evidence says, a list of labels has all ancestors, each at least as sure, in Rekognition's order."""

from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.faces import BoundingBox
from openrek.domain.labels import Instance, Label, LabelName, completed

VOCABULARY = {
    name: LabelName(name, "Animals and Pets", ancestors, ())
    for name, ancestors in {
        "Animal": (),
        "Pet": (),
        "Mammal": ("Animal",),
        "Dog": ("Animal", "Mammal", "Pet"),
        "Cat": ("Animal", "Mammal", "Pet"),
        "Pug": ("Animal", "Dog", "Mammal", "Pet"),
    }.items()
}
CONFIDENCES = st.floats(0, 100, width=32)
INSTANCES = st.builds(Instance, st.just(BoundingBox(0.1, 0.1, 0.5, 0.5)), CONFIDENCES)
LABELS = st.lists(
    st.builds(
        Label, st.sampled_from(list(VOCABULARY.values())), CONFIDENCES, st.lists(INSTANCES, max_size=3).map(tuple)
    ),
    max_size=8,
)


@given(LABELS)
def test_every_ancestor_is_there_and_at_least_as_sure(said: list[Label]) -> None:
    found = {label.name: label for label in completed(said, VOCABULARY)}

    for label in said:
        assert found[label.name].confidence >= label.confidence
    for label in found.values():
        assert all(found[name].confidence >= label.confidence for name in label.entry.ancestors)


@given(LABELS)
def test_each_name_comes_once_the_surest_first_then_by_name(said: list[Label]) -> None:
    found = completed(said, VOCABULARY)

    assert [(-label.confidence, label.name) for label in found] == sorted(
        {(-label.confidence, label.name) for label in found}
    )
    assert len({label.name for label in found}) == len(found)
    for label in found:
        assert [each.confidence for each in label.instances] == sorted(
            (each.confidence for each in label.instances), reverse=True
        )


def test_instances_stay_with_the_label_that_they_are_of() -> None:
    seen = Instance(BoundingBox(0, 0, 1, 1), 90.0)

    found = {label.name: label for label in completed([Label(VOCABULARY["Pug"], 90.0, (seen,))], VOCABULARY)}

    assert found["Pug"].instances == (seen,)
    assert found["Dog"].instances == found["Animal"].instances == ()
