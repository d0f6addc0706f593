package providers

import "encoding/json"

// What is sent. The types of the API hide their secrets when they are encoded, so
// that logs and dumps hold none; these show them.

type createBody struct{ Create }

// MarshalJSON writes the request as it is sent.
func (b createBody) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Create

		Parameters *parametersBody `json:"Parameters,omitzero"`
	}{b.Create, wire(b.Parameters)})
}

type updateBody struct{ Update }

// MarshalJSON writes the request as it is sent.
func (b updateBody) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Update

		Parameters *parametersBody `json:"Parameters,omitzero"`
	}{b.Update, wire(b.Parameters)})
}

// parametersBody is Parameters, with the fields that it shadows as they are sent.
type parametersBody struct {
	Parameters

	ClientSecret         secretJSON `json:"ClientSecret"`
	RequestHeaders       []pair     `json:"RequestHeaders,omitzero"`
	RequestURLParameters []pair     `json:"RequestURLParameters,omitzero"`
}

// pair is a NameValue on the wire.
type pair struct {
	Name  string `json:"Name"`
	Value string `json:"Value"`
}

func wire(p *Parameters) *parametersBody {
	if p == nil {
		return nil
	}
	s := p.ClientSecret
	return &parametersBody{
		Parameters: *p, ClientSecret: secretJSON{s.Reveal(), s.Parameters, s.PAMProvider},
		RequestHeaders: pairs(p.RequestHeaders), RequestURLParameters: pairs(p.RequestURLParameters),
	}
}

// pairs keeps nil apart from empty: nil is not sent.
func pairs(values []NameValue) []pair {
	if values == nil {
		return nil
	}
	list := make([]pair, len(values))
	for i, v := range values {
		list[i] = pair{v.Name, v.Value.Reveal()}
	}
	return list
}
