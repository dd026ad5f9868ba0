package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"reflect"
	"strings"

	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// configSchema writes the JSON Schema of ringfence.yaml, for editors, from the same types as its reference.
func configSchema(b *bytes.Buffer) error {
	definitions := map[string]any{"Class": map[string]any{
		"enum": []tenancy.Class{tenancy.Owned, tenancy.Child, tenancy.Root, tenancy.Global, tenancy.Infrastructure},
	}}
	if err := configStructs(func(name, doc string, s *ast.StructType) {
		definitions[name] = structSchema(strings.TrimSpace(doc), s)
	}); err != nil {
		return err
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "ringfence.yaml",
		"$ref": "#/definitions/Config", "definitions": definitions,
	})
}

// structSchema gives an object without further fields; a key without omitempty is required.
func structSchema(doc string, s *ast.StructType) map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range s.Fields.List {
		if f.Tag == nil {
			continue
		}
		key, options, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml"), ",")
		field := typeSchema(f.Type)
		field["description"] = strings.TrimSpace(f.Comment.Text() + f.Doc.Text())
		if _, isRef := field["$ref"]; isRef { // draft 7 reads nothing beside a reference
			field = map[string]any{"description": field["description"], "allOf": []any{map[string]any{"$ref": field["$ref"]}}}
		}
		properties[key] = field
		if options != "omitempty" {
			required = append(required, key)
		}
	}
	out := map[string]any{"description": strings.Join(strings.Fields(doc), " "), "type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func typeSchema(e ast.Expr) map[string]any {
	switch e := e.(type) {
	case *ast.Ident:
		switch e.Name {
		case "string":
			return map[string]any{"type": "string"}
		case "bool":
			return map[string]any{"type": "boolean"}
		case "int":
			return map[string]any{"type": "integer"}
		}
		return map[string]any{"$ref": "#/definitions/" + e.Name}
	case *ast.StarExpr:
		return typeSchema(e.X)
	case *ast.ArrayType:
		return map[string]any{"type": "array", "items": typeSchema(e.Elt)}
	case *ast.MapType:
		return map[string]any{"type": "object", "additionalProperties": typeSchema(e.Value)}
	}
	return map[string]any{}
}
