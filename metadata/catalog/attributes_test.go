package catalog_test

import (
	"fmt"
	"reflect"
	"strconv"
	"testing"

	"chasqui/metadata/catalog"
	"chasqui/node/rpc"

	"github.com/stretchr/testify/require"
)

// give adds an attribute, written as text, to a patch. It finds the field by its name.
func give(t require.TestingT, patch *catalog.Patch, name, value string) {
	field := reflect.ValueOf(&patch.Values).Elem().FieldByName(name)
	require.True(t, field.IsValid(), "no attribute %s", name)
	switch field.Kind() {
	case reflect.Int:
		n, err := strconv.Atoi(value)
		require.NoError(t, err)
		field.SetInt(int64(n))
	case reflect.Bool:
		field.SetBool(value == "true")
	default:
		field.SetString(value)
	}
	patch.Given = append(patch.Given, name)
}

func attributeTexts(a catalog.Attributes) []string {
	var texts []string
	for _, name := range catalog.AttributeNames() {
		texts = append(texts, fmt.Sprint(reflect.ValueOf(a).FieldByName(name).Interface()))
	}
	return texts
}

// TestAttributeTable holds the table of attributes against the struct: a field that the table forgets would be lost
// in every copy.
func TestAttributeTable(t *testing.T) {
	names := catalog.AttributeNames()
	kind := reflect.TypeFor[catalog.Attributes]()
	require.Len(t, names, kind.NumField())
	seen := map[string]bool{}
	for i, name := range names {
		require.False(t, seen[name], name)
		seen[name] = true
		// Give this attribute alone another value, send it over the wire, and find it and nothing else changed.
		patch := catalog.Patch{}
		give(t, &patch, name, map[reflect.Kind]string{reflect.Int: "7", reflect.Bool: "true", reflect.String: "text"}[fieldKind(t, name)])
		var back catalog.Patch
		require.NoError(t, rpc.Decode(rpc.Encode(&patch), &back))
		require.Equal(t, patch, back)
		var attributes catalog.Attributes
		require.NoError(t, rpc.Decode(rpc.Encode(&patch.Values), &attributes))
		require.Equal(t, patch.Values, attributes)
		zero := attributeTexts(catalog.Attributes{})
		for j, text := range attributeTexts(attributes) {
			require.Equal(t, i == j, text != zero[j], "%s and %s", name, names[j])
		}
	}
}

func fieldKind(t *testing.T, name string) reflect.Kind {
	t.Helper()
	field, ok := reflect.TypeFor[catalog.Attributes]().FieldByName(name)
	require.True(t, ok, "the table has %s and the struct has not", name)
	return field.Type.Kind()
}

func TestPatchRefusesWhatItCannotStore(t *testing.T) {
	unknown := catalog.Patch{Given: []string{"Colour"}}
	require.ErrorContains(t, unknown.Validate(), `unknown attribute "Colour"`)
	long := catalog.Patch{Given: []string{"Policy"}, Values: catalog.Attributes{Policy: string(make([]byte, 20_000))}}
	require.ErrorContains(t, long.Validate(), "Policy has 20000 bytes")
	long.Given = nil // what is not given is not stored
	require.NoError(t, long.Validate())
}
