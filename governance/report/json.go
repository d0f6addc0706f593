package report

import (
	"bytes"
	_ "embed" // for the schema
	"encoding/json"
	"fmt"
	"io"

	"github.com/commandsec/commandsec-go/internal/show"
)

//go:embed report.schema.json
var schema []byte

// Schema is the JSON Schema of what [Report.WriteJSON] writes.
func Schema() []byte { return bytes.Clone(schema) }

// WriteJSON writes the report as JSON, in the form that [Schema] describes.
// Findings have their key as id. All text is complete. Characters that do not
// show as themselves are written as \u escapes, so that a terminal may show the
// file.
func (r *Report) WriteJSON(w io.Writer) error {
	out := struct {
		Format int `json:"format"`
		Report
	}{Format, *r}
	out.Findings = make([]Finding, len(r.Findings))
	for i, f := range r.Findings {
		f.ID = f.Key()
		out.Findings[i] = f
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return fmt.Errorf("writing a report as JSON: %w", err)
	}
	_, err := w.Write(show.JSON(b.Bytes()))
	return err
}
