package plan

import (
	"bytes"
	_ "embed" // for the schema
)

//go:embed desired.schema.json
var schema []byte

// Schema is the JSON Schema of a desired state, for editors. [LoadDesired] is stricter:
// it also checks what a schema cannot say.
func Schema() []byte { return bytes.Clone(schema) }
