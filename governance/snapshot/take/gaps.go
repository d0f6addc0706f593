package take

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/internal/show"
	"github.com/commandsec/commandsec-go/security"
)

// maxDetail is how much of a server's words a gap keeps, in characters.
const maxDetail = 300

// excuse returns why a part is missing, if err is a reason to go on without it. object
// is the role that the request was about, "" for a list.
func excuse(part snapshot.Part, object string, err error) (snapshot.Gap, bool) {
	gap := snapshot.Gap{Part: part, Object: object}
	answer, ok := errors.AsType[*security.Error](err)
	if !ok {
		return gap, false
	}
	switch {
	case errors.Is(err, security.ErrForbidden):
		gap.Reason = snapshot.ReasonRefused
	case errors.Is(err, security.ErrNotFound) && object != "":
		gap.Reason = snapshot.ReasonGone
	case answer.StatusCode == http.StatusNotFound, errors.Is(err, security.ErrNoEndpoint), answer.StatusCode == http.StatusMethodNotAllowed:
		gap.Reason = snapshot.ReasonNotThere
	case answer.StatusCode == http.StatusInternalServerError, answer.StatusCode == http.StatusBadRequest:
		gap.Reason = snapshot.ReasonFailed
	case errors.Is(err, security.ErrWrongAnswer):
		gap.Reason = snapshot.ReasonUnreadable
	default:
		return gap, false
	}
	gap.Detail = detail(answer)
	return gap, true
}

// detail is what the server said, without what differs from one reading to the next.
func detail(answer *security.Error) string {
	if errors.Is(answer, security.ErrWrongAnswer) {
		why := fmt.Sprint(answer.Unwrap())
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](answer); ok {
			why = fmt.Sprintf("%s is a %s", cmp.Or(wrong.Field, "it"), wrong.Value) // and not a type of Go
		}
		return fmt.Sprintf("%s: the answer cannot be used: %s", answer.Op, show.Text(why, maxDetail))
	}
	text := fmt.Sprintf("%s: %d %s", answer.Op, answer.StatusCode, http.StatusText(answer.StatusCode))
	if answer.Message != "" {
		text += ": " + show.Text(answer.Message, maxDetail)
	}
	return text
}

// keepGone takes back that roles were deleted if that was the answer for all of them: it
// is the endpoint that is missing then.
func (r *reader) keepGone() {
	gone := map[snapshot.Part]int{}
	for _, g := range r.gaps {
		if g.Reason == snapshot.ReasonGone {
			gone[g.Part]++
		}
	}
	for i := range r.gaps {
		if g := &r.gaps[i]; g.Reason == snapshot.ReasonGone && gone[g.Part] > 1 && gone[g.Part] == r.asked[g.Part] {
			g.Reason = snapshot.ReasonNotThere
			clear(r.gone)
		}
	}
}

// sum makes one gap of those that all roles have alike: what is missing then is the
// part. asked is how many roles were asked for.
func sum(gaps []snapshot.Gap, asked map[snapshot.Part]int) []snapshot.Gap {
	type kind struct {
		part   snapshot.Part
		reason snapshot.Reason
	}
	count := map[kind]int{}
	for _, g := range gaps {
		if g.Object != "" {
			count[kind{g.Part, g.Reason}]++
		}
	}
	var out []snapshot.Gap
	done := map[kind]bool{}
	for _, g := range gaps {
		k, total := kind{g.Part, g.Reason}, asked[g.Part]
		if g.Object == "" || g.Reason == snapshot.ReasonGone || total < 2 || count[k] < total {
			out = append(out, g)
			continue
		}
		if !done[k] {
			done[k] = true
			g.Object, g.Detail = "", fmt.Sprintf("none of %d roles could be read, the first: %s", total, g.Detail)
			out = append(out, g)
		}
	}
	return out
}
