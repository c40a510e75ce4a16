"""YAML as people write it: read safely, and no key of a mapping twice."""

from __future__ import annotations

from typing import Any


def load_yaml(text: str) -> Any:
    """Return what a YAML document says, None for an empty one.

    The library itself takes the last of two equal keys, so that a line which was copied and not
    changed wins without a word.

    Raises
    ------
    yaml.YAMLError
        If the text is no YAML, several documents, has a key twice, or a date that is none.
    """
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_repeats(node)
        return loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    except ValueError as error:
        # A date such as 2018-13-01, or a number of thousands of digits.
        raise yaml.YAMLError(str(error)) from None
    finally:
        loader.dispose()


def _refuse_repeats(top: Any) -> None:
    """Raise where a mapping has a key twice; before merges, which may say a key again."""
    import yaml

    waiting, known = [top], set()
    while waiting:
        node = waiting.pop()
        # What an alias stands for is looked at once.
        if id(node) in known or isinstance(node, yaml.ScalarNode):
            continue
        known.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
            continue
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value!r} is there twice", key.start_mark
                    )
                seen.add((key.tag, key.value))
            waiting += [key, value]
