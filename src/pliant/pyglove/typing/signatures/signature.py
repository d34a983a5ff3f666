"""``Signature`` and ``Argument``: what a function accepts and returns, as value specs."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import types
from typing import Any

from pliant.pyglove import values
from pliant.pyglove.values.docstr_utils import DocStr
from pliant.values.errors import FieldTypeError, FieldValueError

from ..field import Field
from ..key_specs import StrKey
from ..schemas import Schema
from ..specs.dicts import Dict
from ..specs.sequences import List
from ..specs.unions import Any as AnySpec
from ..typed_missing import is_missing
from ..value_spec import ValueSpec, show


class Kind(enum.Enum):
    """How an argument is given."""

    POSITIONAL_ONLY = 0
    POSITIONAL_OR_KEYWORD = 1
    VAR_POSITIONAL = 2
    KEYWORD_ONLY = 3
    VAR_KEYWORD = 4

    @classmethod
    def from_parameter(cls, param: inspect.Parameter) -> Kind:
        """Returns the kind of a parameter of ``inspect``."""
        return cls[param.kind.name]


@dataclasses.dataclass
class Argument:
    """An argument of a function.

    Attributes:
      name: its name.
      kind: how it is given.
      value_spec: its values; a ``List`` for ``*args``, a ``Dict`` for ``**kwargs``.
      description: what it is for.
    """

    name: str
    kind: Kind
    value_spec: ValueSpec
    description: str | None = None

    def __post_init__(self) -> None:
        if self.kind is Kind.VAR_POSITIONAL:
            if not isinstance(self.value_spec, List):
                raise FieldTypeError(
                    f"Variable positional argument {self.name!r} should have a value of `pg.typing.List` type. "
                    f"Encountered {show(self.value_spec)}."
                )
            self.value_spec.set_default([])
        elif self.kind is Kind.VAR_KEYWORD and not isinstance(self.value_spec, Dict):
            raise FieldTypeError(
                f"Variable keyword argument {self.name!r} should have a value of `pg.typing.Dict` type. "
                f"Encountered {show(self.value_spec)}."
            )

    @classmethod
    def from_annotation(
        cls,
        name: str,
        kind: Kind,
        annotation: Any,
        auto_typing: bool = False,
        *,
        parent_module: types.ModuleType | None = None,
    ) -> Argument:
        """Returns the argument of an annotation.

        Args:
          name: its name.
          kind: how it is given.
          annotation: the annotation of one value, also for ``*args`` and ``**kwargs``.
          auto_typing: check values against the annotation.
          parent_module: the module in which names are looked up.
        """
        spec: ValueSpec = ValueSpec.from_annotation(annotation, auto_typing, False, parent_module)
        if kind is Kind.VAR_POSITIONAL:
            spec = List(spec)
        elif kind is Kind.VAR_KEYWORD:
            spec = Dict(spec)
        return cls(name, kind, spec)

    @classmethod
    def from_parameter(
        cls,
        param: inspect.Parameter,
        description: str | None = None,
        auto_typing: bool = True,
        parent_module: types.ModuleType | None = None,
    ) -> Argument:
        """Returns the argument of a parameter of ``inspect``; arguments as in ``from_annotation``."""
        kind = Kind.from_parameter(param)
        made = cls.from_annotation(
            param.name, kind, param.annotation, auto_typing, parent_module=parent_module
        )
        if param.default is not param.empty:
            if param.default is None and not made.value_spec.is_noneable:
                made.value_spec.noneable()
            made.value_spec.set_default(param.default)
        made.description = description
        return made

    def to_field(self) -> Field:
        """Returns the field of the argument; that of ``**kwargs`` stands for all other names."""
        if self.kind is Kind.VAR_KEYWORD:
            schema: Any = self.value_spec.schema  # type: ignore[attr-defined]  # a Dict, checked above
            found = schema.dynamic_field if schema is not None else None
            return Field(StrKey(), AnySpec() if found is None else found.value, self.description)
        return Field(self.name, self.value_spec, self.description)


Argument.Kind = Kind  # type: ignore[attr-defined]  # PyGlove's name of it
Kind.__qualname__ = "Argument.Kind"


class CallableType(enum.Enum):
    """Whether a callable is a function or a bound method."""

    FUNCTION = 1
    METHOD = 2


class Signature(values.Formattable):
    """What a function accepts and returns.

    Args:
      callable_type: whether it is a function or a bound method.
      name: its name.
      module_name: its module.
      args: its arguments that can be given by place.
      kwonlyargs: its arguments that are given by name.
      varargs: its ``*args``.
      varkw: its ``**kwargs``.
      return_value: what it returns.
      qualname: its name with those of its classes.
      description: what it does.
    """

    def __init__(
        self,
        callable_type: CallableType,
        name: str,
        module_name: str,
        args: list[Argument] | None = None,
        kwonlyargs: list[Argument] | None = None,
        varargs: Argument | None = None,
        varkw: Argument | None = None,
        return_value: ValueSpec | None = None,
        qualname: str | None = None,
        description: str | None = None,
    ) -> None:
        self.callable_type = callable_type
        self.name = name
        self.module_name = module_name
        self.args = args or []
        self.kwonlyargs = kwonlyargs or []
        self.varargs = varargs
        self.varkw = varkw
        self.return_value = return_value
        self.qualname = qualname or name
        self.description = description

    @property
    def id(self) -> str:
        """The module and name of the function."""
        return f"{self.module_name}.{self.qualname}"

    @property
    def named_args(self) -> list[Argument]:
        """The arguments that have names."""
        return [*self.args, *self.kwonlyargs]

    @property
    def arg_names(self) -> list[str]:
        """The names of the arguments."""
        return [a.name for a in self.named_args]

    @property
    def has_varargs(self) -> bool:
        """Whether it accepts any number of values by place."""
        return self.varargs is not None

    @property
    def has_varkw(self) -> bool:
        """Whether it accepts values by any name."""
        return self.varkw is not None

    @property
    def has_wildcard_args(self) -> bool:
        """Whether either is so."""
        return self.has_varargs or self.has_varkw

    def get_value_spec(self, name: str) -> ValueSpec | None:
        """Returns the spec of the argument of a name, also of one that ``**kwargs`` accepts; else None."""
        for argument in self.named_args:
            if argument.name == name:
                return argument.value_spec
        return self.varkw.to_field().value if self.varkw is not None else None

    def annotate(self, args: Any = None, return_value: Any = None) -> Signature:
        """Sets specs of arguments, and of what is returned, in place; returns itself; see ``annotation.annotate``."""
        from .annotation import annotate

        return annotate(self, args, return_value)

    def fields(self, remove_self: bool = True, include_return: bool = False) -> list[Field]:
        """Returns the fields of the arguments.

        Args:
          remove_self: leave out ``self``.
          include_return: add one for what it returns.
        """
        arguments = self.args[1:] if remove_self and self.args and self.args[0].name == "self" else self.args
        extra = [[self.varargs] if self.varargs is not None else [], self.kwonlyargs]
        fields = [a.to_field() for group in [arguments, *extra] for a in group]
        if self.varkw is not None:
            fields.append(self.varkw.to_field())
        if include_return and self.return_value is not None:
            fields.append(Field("return", self.return_value))
        return fields

    def to_schema(self, remove_self: bool = True, include_return: bool = False) -> Schema:
        """Returns the schema of the arguments; arguments as in ``fields``."""
        skip = 1 if remove_self and self.args and self.args[0].name == "self" else 0
        listed = [a.name for a in self.args[skip:]]
        if self.varargs is not None:
            listed.append(f"*{self.varargs.name}")
        metadata = {
            "init_arg_list": listed,
            "varargs_name": self.varargs.name if self.varargs is not None else None,
            "varkw_name": self.varkw.name if self.varkw is not None else None,
            "returns": self.return_value,
        }
        return Schema(
            self.fields(remove_self, include_return),
            self.id,
            description=self.description,
            allow_nonconst_keys=True,
            metadata=metadata,
        )

    @classmethod
    def from_schema(
        cls, schema: Schema, module_name: str, name: str, qualname: str | None = None, is_method: bool = True
    ) -> Signature:
        """Returns the signature of making an object of a schema (or of calling a function of one).

        Args:
          schema: the schema; ``init_arg_list`` in its metadata names the arguments that can be given by place.
          module_name: the module.
          name: the name.
          qualname: the name with those of the classes.
          is_method: whether the first argument is ``self``.

        Raises:
          FieldValueError: ``init_arg_list`` names what is not a field.
        """
        listed = list(schema.metadata.get("init_arg_list", []))
        args = [Argument("self", Kind.POSITIONAL_OR_KEYWORD, AnySpec())] if is_method else []
        varargs, varkw, used = None, None, set()
        for arg in listed:
            plain = arg.removeprefix("*")
            field = schema.get_field(plain)
            if field is None:
                raise FieldValueError(
                    f"Argument {plain!r} is not a symbolic field. Name one of {', '.join(map(str, schema.keys()))}."
                )
            used.add(plain)
            if arg.startswith("*"):
                varargs = Argument(plain, Kind.VAR_POSITIONAL, field.value, field.description)
            else:
                args.append(Argument(plain, Kind.POSITIONAL_OR_KEYWORD, field.value, field.description))
        kwonly = [
            Argument(str(key), Kind.KEYWORD_ONLY, field.value, field.description)
            for key, field in schema.items()
            if key.is_const and str(key) not in used and not field.frozen
        ]
        if schema.dynamic_field is not None:
            named = schema.metadata.get("varkw_name") or "kwargs"
            field = schema.dynamic_field
            varkw = Argument(named, Kind.VAR_KEYWORD, Dict(field.value), field.description)
        returns = schema.metadata.get("returns")
        return cls(
            CallableType.FUNCTION,
            name,
            module_name,
            args,
            kwonly,
            varargs,
            varkw,
            returns,
            qualname,
            schema.description,
        )

    @classmethod
    def from_callable(
        cls, callable_object: Any, auto_typing: bool = False, auto_doc: bool = False
    ) -> Signature:
        """Returns the signature of a function, class or callable object; see ``signature``."""
        from .reading import read_callable

        return read_callable(callable_object, auto_typing=auto_typing, auto_doc=auto_doc)

    @classmethod
    def from_signature(
        cls,
        sig: inspect.Signature,
        name: str,
        callable_type: CallableType,
        module_name: str | None = None,
        qualname: str | None = None,
        auto_typing: bool = False,
        docstr: DocStr | str | None = None,
        parent_module: types.ModuleType | None = None,
    ) -> Signature:
        """Returns the signature of one of ``inspect``.

        Args:
          sig: the signature of ``inspect``.
          name: the name of the function.
          callable_type: whether it is a function or a bound method.
          module_name: its module.
          qualname: its name with those of its classes.
          auto_typing: check values against annotations.
          docstr: its docstring, which describes the arguments.
          parent_module: the module in which names are looked up.
        """
        text = DocStr.parse(docstr) if isinstance(docstr, str) else docstr
        if parent_module is None and module_name is not None:
            parent_module = sys.modules.get(module_name)
        made = cls(callable_type, name, module_name or "", qualname=qualname)
        for param in sig.parameters.values():
            found = text.parameter(param) if text is not None else None
            description = found.description if found is not None else None
            argument = Argument.from_parameter(param, description, auto_typing, parent_module)
            if argument.kind is Kind.KEYWORD_ONLY:
                made.kwonlyargs.append(argument)
            elif argument.kind is Kind.VAR_POSITIONAL:
                made.varargs = argument
            elif argument.kind is Kind.VAR_KEYWORD:
                made.varkw = argument
            else:
                made.args.append(argument)
        if sig.return_annotation is not sig.empty and sig.return_annotation is not None:
            made.return_value = ValueSpec.from_annotation(
                sig.return_annotation, auto_typing, False, parent_module
            )
        made.description = text.short_description if text is not None else None
        return made

    def to_parameters(self) -> inspect.Signature:
        """Returns the signature as ``inspect`` has it."""
        every = [*self.args, *([self.varargs] if self.varargs is not None else []), *self.kwonlyargs]
        if self.varkw is not None:
            every.append(self.varkw)
        parameters = []
        for argument in every:
            spec: Any = argument.value_spec
            variable = argument.kind in (Kind.VAR_POSITIONAL, Kind.VAR_KEYWORD)
            default = inspect.Parameter.empty if variable or not spec.has_default else spec.default
            if argument.kind is Kind.VAR_POSITIONAL:
                spec = spec.element.value
            elif argument.kind is Kind.VAR_KEYWORD:
                spec = argument.to_field().value
            annotation = inspect.Parameter.empty if is_missing(spec.annotation) else spec.annotation
            kind = getattr(inspect.Parameter, argument.kind.name)
            parameters.append(inspect.Parameter(argument.name, kind, default=default, annotation=annotation))
        returns: Any = inspect.Signature.empty
        if self.return_value is not None and not is_missing(self.return_value.annotation):
            returns = self.return_value.annotation
        return inspect.Signature(parameters, return_annotation=returns)

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        items: list[tuple[str, Any, Any]] = [
            ("", self.id, None), ("args", self.args, []), ("kwonlyargs", self.kwonlyargs, []),
            ("returns", self.return_value, None), ("varargs", self.varargs, None), ("varkw", self.varkw, None),
            ("description", self.description, None),
        ]  # fmt: skip
        return values.kvlist_str(items, compact, verbose, root_indent, label="Signature", **kwargs)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Signature):
            return False
        ours, theirs = self._identity(), other._identity()
        return ours == theirs

    def _identity(self) -> tuple[Any, ...]:
        arguments = [
            [dataclasses.replace(a, description=None) for a in group]
            for group in (self.args, self.kwonlyargs)
        ]
        variable = [
            dataclasses.replace(a, description=None) if a is not None else None
            for a in (self.varargs, self.varkw)
        ]
        return (
            self.callable_type,
            self.name,
            self.module_name,
            self.qualname,
            arguments,
            variable,
            self.return_value,
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # it is annotated in place
