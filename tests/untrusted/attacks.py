"""Attacks by way of ``result.json``: each makes a file, the mark, or has a secret shown, if it succeeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Content = dict[str, Any]
Attack = Callable[[Content, Path], Sequence[str] | None]
"""changes what ``result.json`` holds so that a file appears; what the victim types after the names of the folders"""

ENVIRONMENT = {"ZSL_TEST_TOKEN": "hunter2-of-this-machine", "ZSL_TEST_PLACE": "attic-of-this-machine"}
"""what nobody is to learn; what is called a token is withheld from all that is written, the other is not"""


class Payload:
    """What a pickle of it calls when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def touching(mark: Path) -> Content:
    return {"_target_": "pathlib.Path.touch", "self": str(mark)}


def computed_target(content: Content, mark: Path) -> None:
    content["config"]["method"]["head"] = f"${{oc.create:'{{_target_: pathlib.Path.touch, self: {mark}}}'}}"


def target_from_another_node(content: Content, mark: Path) -> None:
    content["config"] |= {"published": f"{{_target_: pathlib.Path.touch, self: {mark}}}"}
    content["config"]["method"]["head"] = "${oc.create:${published}}"


def decoded_target(content: Content, mark: Path) -> None:
    payload = f'{{_target_: pathlib.Path.touch, self: "{mark}"}}'
    content["config"]["method"] |= {"head": "${oc.decode:${method.output}}", "output": payload}


def interpolated_key(content: Content, mark: Path) -> None:
    content["config"]["data"]["${oc.env:ZSL_TEST_TOKEN}"] = str(mark)


def overrides_behind_one_of_the_victims(content: Content, mark: Path) -> list[str]:
    content["overrides"] += ["class_embedding._target_=pathlib.Path.touch", f"+class_embedding.self={mark}"]
    content["overrides"] += ["~class_embedding.kind"]
    return ["class_embedding.shuffle_seed=0"]


def overrides_in_quotes(content: Content, mark: Path) -> list[str]:
    payload = f'${{oc.create:{{_target_:pathlib.Path.touch,self:"{mark}"}}}}'
    content["overrides"] += ["class_embedding=concat", f"class_embedding.parts.words.embedding='{payload}'"]
    return ["class_embedding.shuffle_seed=0"]


def overrides_that_hold_a_target(content: Content, mark: Path) -> list[str]:
    part = f"{{_target_:zsl.class_embeddings.concat.Part,embedding:{{_target_:pathlib.Path.touch,self:'{mark}'}}}}"
    content["overrides"] += ["class_embedding=concat", f"+class_embedding.parts.x={part}"]
    return ["class_embedding.shuffle_seed=0"]


def a_pickle_by_numpy(content: Content, mark: Path) -> list[str]:
    array = np.empty(1, dtype=object)
    array[0] = Payload(mark)
    np.save(mark.parent / "pickle.npy", array, allow_pickle=True)
    content["overrides"] += ["~class_embedding.kind", "class_embedding._target_=numpy.load"]
    content["overrides"] += [
        f"+class_embedding.file={mark.parent / 'pickle.npy'}",
        "+class_embedding.allow_pickle=true",
    ]
    return ["class_embedding.shuffle_seed=0"]


def nested_target(content: Content, mark: Path) -> None:
    content["config"]["method"]["head"] = touching(mark)


def target_in_a_list(content: Content, mark: Path) -> None:
    content["config"]["method"]["output"] = [touching(mark)]


def target_where_none_is(content: Content, mark: Path) -> None:
    content["config"]["class_embedding"]["kind"] = touching(mark)


def chosen_target(content: Content, mark: Path) -> None:
    soft = "zsl.methods.generative.softmax.Softmax"
    content["config"]["method"]["head"] = {"_target_": soft, "_partial_": False, "self": str(mark)}
    content["selection"]["chosen"] = {"method.head._target_": "pathlib.Path.touch"}


def chosen_part(content: Content, mark: Path) -> None:
    content["selection"]["chosen"] = {"method.head": {"softmax": {"_target_": "evil.Boom", "self": str(mark)}}}


def positional_arguments(content: Content, mark: Path) -> None:
    content["config"]["method"]["_args_"] = [touching(mark)]


def a_part_called_at_once(content: Content, _mark: Path) -> None:
    content["config"]["method"]["head"]["_partial_"] = False


def a_method_left_uncalled(content: Content, _mark: Path) -> None:
    content["config"]["method"]["_partial_"] = True


def not_recursive(content: Content, _mark: Path) -> None:
    content["config"]["class_embedding"]["_recursive_"] = False


def another_conversion(content: Content, _mark: Path) -> None:
    content["config"]["class_embedding"]["_convert_"] = "object"


def a_loader_as_head(content: Content, _mark: Path) -> None:
    content["config"]["method"]["head"] = {"_target_": "zsl.datasets.synthetic.load", "name": "x"}


def a_part_as_embedding(content: Content, _mark: Path) -> None:
    content["config"]["class_embedding"]["_target_"] = "zsl.class_embeddings.concat.Part"


def through_a_module_of_zsl(content: Content, mark: Path) -> None:
    content["config"]["method"]["head"] = {"_target_": "zsl.files.matlab.Path.touch", "self": str(mark)}


def through_a_class_of_zsl(content: Content, _mark: Path) -> None:
    content["config"]["method"]["_target_"] += ".__init_subclass__"


def imported_on_looking(content: Content, _mark: Path) -> None:
    content["config"]["correction"]["_target_"] = "evil.Boom"
    content["config"]["class_embedding"]["_target_"] = "evil.Boom"


def letters_that_look_alike(content: Content, mark: Path) -> None:
    content["config"]["method"]["head"] = {"_target_": "ｐathlib.Path.touch", "self": str(mark)}


def no_text(content: Content, _mark: Path) -> None:
    content["config"]["method"]["head"]["_target_"] = ["zsl.methods.generative.softmax.Softmax"]


def environment(content: Content, _mark: Path) -> None:
    content["config"]["class_embedding"]["kind"] = "${oc.env:ZSL_TEST_PLACE}"


def environment_in_an_override(content: Content, _mark: Path) -> list[str]:
    content["overrides"] += ["class_embedding.kind=${oc.env:ZSL_TEST_TOKEN}"]
    return ["class_embedding.shuffle_seed=0"]


ATTACKS: list[Attack] = [
    computed_target,
    target_from_another_node,
    decoded_target,
    interpolated_key,
    overrides_behind_one_of_the_victims,
    overrides_in_quotes,
    overrides_that_hold_a_target,
    a_pickle_by_numpy,
    nested_target,
    target_in_a_list,
    target_where_none_is,
    chosen_target,
    chosen_part,
    positional_arguments,
    a_part_called_at_once,
    a_method_left_uncalled,
    not_recursive,
    another_conversion,
    a_loader_as_head,
    a_part_as_embedding,
    through_a_module_of_zsl,
    through_a_class_of_zsl,
    imported_on_looking,
    letters_that_look_alike,
    no_text,
    environment,
    environment_in_an_override,
]
