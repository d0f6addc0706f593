package roles_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/commandsec/commandsec-go/claims"
	"github.com/commandsec/commandsec-go/internal/apitest"
	"github.com/commandsec/commandsec-go/permissions"
	"github.com/commandsec/commandsec-go/roles"
	"github.com/commandsec/commandsec-go/security"
)

// otherwise changes the answer of a request.
func otherwise(from, to string) func(*http.Request, func() *http.Response) (*http.Response, error) {
	return func(r *http.Request, do func() *http.Response) (*http.Response, error) {
		return response(r, http.StatusOK, strings.ReplaceAll(text(do()), from, to)), nil
	}
}

func text(r *http.Response) string {
	var b strings.Builder
	_ = r.Write(&b)
	_, body, _ := strings.Cut(b.String(), "\r\n\r\n")
	return body
}

// An answer about another role is no answer, and nothing is built on it.
func TestAnotherRoleCame(t *testing.T) {
	t.Parallel()
	const wrong = "it is about role 7, and not about role 5"
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.service()
		w.read = func(text string) string { return strings.Replace(text, `"Id":5`, `"Id":7`, 1) }
		if role, err := s.Get(t.Context(), 5); err == nil || role != nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("Get: %v, %v", role, err)
		}
		if _, _, err := s.Grant(t.Context(), 5, paths("/certificates/")); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("Grant: %v", err)
		} else {
			isNot(t, err, security.ErrUnknownOutcome)
		}
		w.read = func(text string) string { return strings.Replace(text, `"Id":5`, `"Id":null`, 1) }
		if _, _, err := s.Grant(t.Context(), 5, paths("/certificates/")); err == nil {
			t.Error("a role without an id was edited")
		}
		if n := w.writes(); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.service()
		role, err := s.Get(t.Context(), 5)
		if err != nil {
			t.Fatal(err)
		}
		w.on(2, otherwise(`"Id":5`, `"Id":7`))
		_, err = s.Update(t.Context(), role.ToUpdate())
		if is(t, err, security.ErrUnknownOutcome); !strings.Contains(err.Error(), wrong) {
			t.Errorf("Update: %v", err)
		}
		w.on(4, otherwise(`"Id":5`, `"Id":7`)) // the PUT of an edit: what became of it is looked at
		if _, _, err := s.Edit(t.Context(), 5, describe("new")); err != nil || w.role.Description != "new" {
			t.Errorf("Edit: %v", err)
		}
		w.on(8, otherwise(`"Id":5`, `"Id":7`)) // the reading that verifies
		_, _, err = s.Edit(t.Context(), 5, describe("newer"))
		is(t, err, security.ErrUnknownOutcome)
	})
}

func TestAnotherRoleWasMade(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		`{"Id":7,"Name":"Everyone","Description":"d","Permissions":[],"Claims":[]}`,
		`{"Id":0,"Name":"Metadata","Description":"d","Permissions":[],"Claims":[]}`,
		`{}`, `{"Message":"fine"}`,
	} {
		client := func(method, path string, version int) *security.Client {
			return apitest.NewClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Method != method || !strings.HasSuffix(r.URL.Path, path) || r.Header.Get("X-Keyfactor-Api-Version") != strconv.Itoa(version) {
					t.Errorf("request is %s %s", r.Method, r.URL.Path)
				}
				return response(r, http.StatusOK, answer), nil
			}))
		}
		_, err := roles.NewV2(client("POST", "/Security/Roles", 2)).Create(t.Context(), roles.CreateV2{Name: "Metadata", Description: "d"})
		is(t, err, security.ErrUnknownOutcome)
		_, err = roles.NewV1(client("POST", "/Security/Roles", 1)).Create(t.Context(), roles.CreateV1{Name: "Metadata", Description: "d"})
		is(t, err, security.ErrUnknownOutcome)
		_, err = roles.NewV1(client("POST", "/Security/Roles/5/Copy", 1)).Copy(t.Context(), 5, roles.CopyV1{Name: "Metadata", Description: "d"})
		is(t, err, security.ErrUnknownOutcome)
		_, err = roles.NewV1(client("PUT", "/Security/Roles", 1)).Update(t.Context(), roles.UpdateV1{ID: 5, Name: "Metadata", Description: "d"})
		is(t, err, security.ErrUnknownOutcome)
		if _, err = roles.NewV1(client("GET", "/Security/Roles/5", 1)).Get(t.Context(), 5); err == nil {
			t.Errorf("%s is taken for role 5", answer)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An answer without the lists cannot be written back. Null and empty can.
func TestEditNeedsTheLists(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		read func(string) string
		want string // of the error, "" for none
	}{
		"no claims":            {func(s string) string { return strings.Replace(s, `"Claims"`, `"Holders"`, 1) }, "it lacks Claims"},
		"no permissions":       {func(s string) string { return strings.Replace(s, `"Permissions"`, `"Rights"`, 1) }, "it lacks Permissions"},
		"neither":              {func(string) string { return `{"Id":5,"Name":"Operators","Description":"Ops"}` }, "it lacks Claims and Permissions"},
		"claims that are null": {func(s string) string { return strings.Replace(s, `"Claims":[]`, `"Claims":null`, 1) }, ""},
		"permissions that are null": {func(s string) string {
			return strings.Replace(s, `"Permissions":["/portal/read/"]`, `"Permissions":null`, 1)
		}, ""},
		"in small letters": {func(s string) string { return strings.Replace(s, `"Claims"`, `"claims"`, 1) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.read = tt.read
				_, _, err := w.service().Edit(t.Context(), 5, describe("new"))
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || w.writes() > 0) {
					t.Errorf("after %d writes: %v", w.writes(), err)
				}
			})
		})
	}
	// Without the list, a claim that was to go would seem to be gone.
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "a", "b")
		w.on(3, otherwise(`"Claims"`, `"Holders"`))
		_, _, err := w.service().RemoveClaims(t.Context(), 5, []claims.Key{claim("a").Key()})
		is(t, err, security.ErrUnknownOutcome)
	})
}

// Text that is damaged on its way to us is not written back: it would be other text.
// Everything else about the role can be changed, and the damage be mended.
func TestEditOfDamagedText(t *testing.T) {
	t.Parallel()
	for name, damaged := range map[string]string{"bytes": "s\xfcd", "half a surrogate": `s\ud800d`, "the other half": `s\uDC00d`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "SOUTH", "north")
				w.read = func(s string) string {
					return strings.Replace(s, `"ClaimValue":"SOUTH"`, `"ClaimValue":"`+damaged+`"`, 1)
				}
				s := w.service()
				_, _, err := s.Edit(t.Context(), 5, describe("new"))
				if is(t, err, security.ErrInvalid); !strings.Contains(err.Error(), "Claims[0].Value") || w.writes() > 0 {
					t.Errorf("after %d writes: %v", w.writes(), err)
				}
				_, _, err = s.RemoveClaims(t.Context(), 5, []claims.Key{claim("s\ufffdd").Key()})
				if w.expect("north"); err != nil {
					t.Error(err)
				}
			})
		})
	}
	for name, value := range map[string]string{"the replacement character itself": "s\ufffdd", "a pair": `\ud83d\udd11`, "a pair and the character": `\ud83d\udd11 \ufffd`, "a domain": `EAST\\ud800`} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "SOUTH")
			w.read = func(s string) string {
				return strings.Replace(s, `"ClaimValue":"SOUTH"`, `"ClaimValue":"`+value+`"`, 1)
			}
			if _, _, err := w.service().Edit(t.Context(), 5, describe("new")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	for field, change := range map[string]func(*worldRole){
		"Name":           func(r *worldRole) { r.Name = "BAD" },
		"Description":    func(r *worldRole) { r.Description = "BAD" },
		"Permissions[0]": func(r *worldRole) { r.Permissions = []string{"BAD"} },
		"EmailAddress":   func(r *worldRole) { r.EmailAddress = new("BAD") },
		"Claims[0].Scheme": func(r *worldRole) {
			r.Claims = []worldClaim{oauth("a")}
			r.Claims[0].Provider["AuthenticationScheme"] = "BAD"
		},
		"Claims[0].Description": func(r *worldRole) { r.Claims = []worldClaim{oauth("a")}; r.Claims[0].Description = "BAD" },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.change(change)
			w.read = func(s string) string { return strings.Replace(s, "BAD", "\xff", 1) }
			_, _, err := w.service().AddClaims(t.Context(), 5, []claims.Request{claim("new")})
			if err == nil || !strings.Contains(err.Error(), field+": came from the server") || w.writes() > 0 {
				t.Errorf("%s: after %d writes: %v", field, w.writes(), err)
			}
		})
	}
}

// Two claims that a role holds are never merged, and no change is passed over.
func TestClaimsWithAndWithoutDomain(t *testing.T) {
	t.Parallel()
	group := func(value string) claims.Request {
		return claims.Request{Type: claims.TypeGroup, Value: value, Scheme: "Active Directory", Description: "d"}
	}
	for name, tt := range map[string]struct {
		held   []string
		edit   func(context.Context, *roles.V2) (security.Change, error)
		want   []string
		change string // "" for unchanged
		err    string
	}{
		"another change": {
			[]string{`KEYEXAMPLE\ops`, `ops`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.Grant(ctx, 5, paths("/reports/read/"))
				return c, err
			},
			[]string{`KEYEXAMPLE\ops`, `ops`},
			"Permissions: + /reports/read/", "",
		},
		"two spellings": {
			[]string{`EAST\OPS`, `east\ops`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.Edit(ctx, 5, describe("new"))
				return c, err
			},
			[]string{`EAST\OPS`, `east\ops`},
			"Description", "",
		},
		"one spelling less": {
			[]string{`EAST\OPS`, `east\ops`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.RemoveClaims(ctx, 5, []claims.Key{group(`east\ops`).Key()})
				return c, err
			},
			[]string{`EAST\OPS`},
			`Claims: - Group east\ops`, "",
		},
		"one of a domain besides one without": {
			[]string{`ops`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.AddClaims(ctx, 5, []claims.Request{group(`OTHER\ops`)})
				return c, err
			},
			[]string{`OTHER\ops`, `ops`},
			`Claims: + Group OTHER\ops`, "",
		},
		"one without a domain, held with one": {
			[]string{`KEYEXAMPLE\OPS`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.AddClaims(ctx, 5, []claims.Request{group(`ops`)})
				return c, err
			},
			[]string{`KEYEXAMPLE\OPS`},
			"", "",
		},
		"one without a domain, held with several": {
			[]string{`EAST\ops`, `WEST\ops`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.AddClaims(ctx, 5, []claims.Request{group(`ops`)})
				return c, err
			},
			[]string{`EAST\ops`, `WEST\ops`},
			"", "Claims[2]: Group ops (Active Directory) fits 2 claims of the role, name the domain",
		},
		"both at once, and neither held": {
			nil,
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.AddClaims(ctx, 5, []claims.Request{group(`ops`), group(`EAST\ops`), group(`east\OPS`)})
				return c, err
			},
			[]string{`EAST\ops`},
			`Claims: + Group EAST\ops`, "",
		},
		"the one without a domain goes, the other one stays": {
			[]string{`KEYEXAMPLE\ops`, `ops`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.RemoveClaims(ctx, 5, []claims.Key{group(`ops`).Key()})
				return c, err
			},
			[]string{`KEYEXAMPLE\ops`},
			`Claims: - Group ops`, "",
		},
		"the one of a domain goes, the other one stays": {
			[]string{`KEYEXAMPLE\ops`, `ops`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.RemoveClaims(ctx, 5, []claims.Key{group(`keyexample\ops`).Key()})
				return c, err
			},
			[]string{`ops`},
			`Claims: - Group KEYEXAMPLE\ops`, "",
		},
		"one of a domain that is not held": {
			[]string{`ops`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.RemoveClaims(ctx, 5, []claims.Key{group(`OTHER\ops`).Key()})
				return c, err
			},
			[]string{`ops`},
			"", "",
		},
		"by name alone": {
			[]string{`KEYEXAMPLE\ops`},
			func(ctx context.Context, s *roles.V2) (security.Change, error) {
				_, c, err := s.RemoveClaims(ctx, 5, []claims.Key{group(`ops`).Key()})
				return c, err
			},
			nil, `Claims: - Group KEYEXAMPLE\ops`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for _, value := range tt.held {
					w.role.Claims = append(w.role.Claims, adGroup(value))
				}
				change, err := tt.edit(t.Context(), w.service())
				if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error is %v", err)
				}
				w.expect(tt.want...)
				if (w.writes() > 0) != (tt.change != "") || !strings.Contains(change.String(), tt.change) {
					t.Errorf("after %d writes the change is %v", w.writes(), change)
				}
			})
		})
	}
}

// What RemoveClaims means is settled at its first reading: if the write is done late,
// the next round does not take the name for another claim.
func TestRemoveClaimsMeansTheSameClaim(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.role.Claims = []worldClaim{adGroup("ops"), adGroup(`KEYEXAMPLE\ops`)}
		w.on(2, func(r *http.Request, do func() *http.Response) (*http.Response, error) {
			time.AfterFunc(1001*time.Millisecond, func() { do() }) // after the look, before the next reading
			return response(r, http.StatusGatewayTimeout, ""), nil
		})
		w.on(4, func(_ *http.Request, do func() *http.Response) (*http.Response, error) {
			time.Sleep(time.Second)
			return do(), nil
		})
		_, _, err := w.service().RemoveClaims(t.Context(), 5, []claims.Key{{Type: claims.TypeGroup, Value: "ops", Scheme: "Active Directory"}})
		if w.expect(`KEYEXAMPLE\ops`); err != nil {
			t.Error(err)
		}
	})
}

// A bare PUT sends what the role holds, however alike.
func TestUpdateMergesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.role.Claims = []worldClaim{adGroup("ops"), adGroup(`KEYEXAMPLE\ops`), adGroup(`keyexample\OPS`), adGroup("ops")}
		s := w.service()
		role, err := s.Get(t.Context(), 5)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(t.Context(), role.ToUpdate()); err != nil {
			t.Error(err)
		}
		w.expect(`KEYEXAMPLE\ops`, `keyexample\OPS`, "ops")
	})
}

// Once a write was sent that was done, or may have been done, every error says so.
func TestEditTellsOfUnknownOutcomes(t *testing.T) {
	t.Parallel()
	own := errors.New("changed my mind")
	undo := func(r *http.Request, do func() *http.Response) (*http.Response, error) {
		do()
		return response(r, http.StatusOK, `{"Id":5,"Name":"Operators","Description":"Ops","PermissionSetId":"099c05f0-deba-4562-a5b1-f491e19c0749","Permissions":["/portal/read/"],"Claims":[]}`), nil
	}
	for name, tt := range map[string]struct {
		setUp  func(*world)
		change func(*roles.UpdateV2) error
		want   error
		writes int
		plain  bool // nothing was done: not unknown
	}{
		"written, and not to be read": {
			func(w *world) { w.on(3, status(403, false)) },
			describe("new"), security.ErrForbidden, 1, false,
		},
		"written, undone in part, and not to be read": {
			func(w *world) { w.on(3, undo); w.on(4, status(403, false)) },
			describe("new"), security.ErrForbidden, 1, false,
		},
		"written, undone, and then refused by the function": {
			func(w *world) { w.on(3, undo); w.on(4, undo) },
			func() func(*roles.UpdateV2) error {
				calls := 0
				return func(u *roles.UpdateV2) error {
					if calls++; calls > 1 {
						return own
					}
					u.Description = "new"
					return nil
				}
			}(),
			own, 1, false,
		},
		"written, undone, and then not valid": {
			func(w *world) { w.on(3, undo); w.on(4, undo) },
			func() func(*roles.UpdateV2) error {
				calls := 0
				return func(u *roles.UpdateV2) error {
					if calls++; calls > 1 {
						u.Name = ""
					}
					u.Description = "new"
					return nil
				}
			}(),
			security.ErrInvalid, 1, false,
		},
		"a gateway gave up, and then it was refused": {
			func(w *world) { w.on(2, status(504, false)); w.on(5, status(400, false)) },
			describe("new"), security.ErrInvalid, 2, false,
		},
		"a gateway gave up, and then the sign-in was refused": {
			func(w *world) { w.on(2, status(504, false)); w.on(3, status(401, false)) },
			describe("new"), security.ErrUnauthorized, 1, false,
		},
		"forty times undone": {
			func(w *world) { w.busy = func() { w.role.Description = "theirs" } },
			describe("new"), security.ErrConflict, 40, false,
		},
		"lost each time": {
			func(w *world) { w.on(2, lost(false)); w.on(5, lost(false)); w.on(8, lost(false)) },
			describe("new"), security.ErrUnknownOutcome, 3, false,
		},
		"refused":               {func(w *world) { w.on(2, status(403, false)) }, describe("new"), security.ErrForbidden, 1, true},
		"too often, each time":  {func(w *world) { w.on(2, status(429, false)); w.on(4, status(429, false)); w.on(6, status(429, false)) }, describe("new"), security.ErrRateLimited, 3, true},
		"not to be read at all": {func(w *world) { w.on(1, status(403, false)) }, describe("new"), security.ErrForbidden, 0, true},
		"the function's own":    {func(*world) {}, func(*roles.UpdateV2) error { return own }, own, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				tt.setUp(w)
				role, change, err := w.service().Edit(t.Context(), 5, tt.change)
				is(t, err, tt.want)
				if errors.Is(err, security.ErrUnknownOutcome) == tt.plain || role != nil || change.Action != "" || w.writes() != tt.writes {
					t.Errorf("after %d writes: %v", w.writes(), err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.on(2, status(504, false))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		_, _, err := w.service().Edit(ctx, 5, describe("new"))
		is(t, err, context.DeadlineExceeded, security.ErrUnknownOutcome, security.ErrServer)
	})
}

// Every part of a change is looked for after the write.
func TestEditVerifiesEveryPart(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*roles.UpdateV2){
		"a field":       func(u *roles.UpdateV2) { u.EmailAddress = new("new@example.com") },
		"a permission":  func(u *roles.UpdateV2) { u.Permissions = append(u.Permissions, "/reports/read/") },
		"a revocation":  func(u *roles.UpdateV2) { u.Permissions = nil },
		"a claim":       func(u *roles.UpdateV2) { u.Claims = append(u.Claims, claim("b")) },
		"a claim less":  func(u *roles.UpdateV2) { u.Claims = nil },
		"a wider right": func(u *roles.UpdateV2) { u.Permissions = paths("/portal/") },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "a")
			before := w.role
			w.on(3, func(_ *http.Request, do func() *http.Response) (*http.Response, error) {
				w.change(func(r *worldRole) { *r = before })
				return do(), nil
			})
			_, _, err := w.service().Edit(t.Context(), 5, func(u *roles.UpdateV2) error { change(u); return nil })
			if err != nil || w.writes() != 2 {
				t.Errorf("%s: after %d writes: %v", name, w.writes(), err)
			}
		})
	}
}

// A server that asks to wait is obeyed, up to the longest wait of the client.
func TestEditWaitsAsLongAsItIsAsked(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]string{
		"":     "GET 0s, PUT 0s, GET 1s, PUT 1s, GET 3s, PUT 3s, GET 3s",
		"3":    "GET 0s, PUT 0s, GET 3s, PUT 3s, GET 6s, PUT 6s, GET 6s",
		"3600": "GET 0s, PUT 0s",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			for _, n := range []int{2, 4} {
				w.on(n, func(r *http.Request, _ func() *http.Response) (*http.Response, error) {
					answer := response(r, http.StatusTooManyRequests, "")
					if after != "" {
						answer.Header.Set("Retry-After", after)
					}
					return answer, nil
				})
			}
			_, _, err := w.service().Edit(t.Context(), 5, describe("new"))
			if errors.Is(err, security.ErrRateLimited) != (after == "3600") || w.requests() != want {
				t.Errorf("Retry-After %q: requests are %s, want %s: %v", after, w.requests(), want, err)
			}
		})
	}
}

// An error names the edit and what came of it, once.
func TestEditErrorsAreForPeople(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.on(3, status(403, false))
		_, _, err := w.service().Edit(t.Context(), 5, describe("new"))
		want := "edit role 5: the write may or may not have been done: a write was sent, but could not be confirmed: " +
			"GET /Security/Roles/{id}, version 2 (/Security/Roles/5): 403 Forbidden: made up [0xA0110000]; the caller's roles lack the permission for this call"
		if err == nil || err.Error() != want {
			t.Errorf("error is\n%v\nwant\n%s", err, want)
		}
	})
}

// While the outcome of a write is not known, no other edit of the client comes
// between: a write that is carried out late would undo it.
func TestTheTurnIsKeptUntilTheOutcomeIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s := w.service()
		w.on(2, func(r *http.Request, do func() *http.Response) (*http.Response, error) {
			time.AfterFunc(500*time.Millisecond, func() { do() })
			return response(r, http.StatusGatewayTimeout, ""), nil
		})
		done := make(chan error)
		go func() {
			_, _, err := s.AddClaims(t.Context(), 5, []claims.Request{claim("a")})
			done <- err
		}()
		time.Sleep(100 * time.Millisecond)
		if _, _, err := s.AddClaims(t.Context(), 5, []claims.Request{claim("b")}); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.expect("a", "b")
		if got, want := w.requests(), "GET 0s, PUT 0s, GET 1s, GET 1s, PUT 1s, GET 1s"; got != want {
			t.Errorf("requests are %s, want %s", got, want)
		}
	})
}

// The work grows with the role, and not with its square; the context ends it.
func TestEditOfALargeRole(t *testing.T) {
	t.Parallel()
	const n = 20_000
	w := newWorld(t)
	var more []permissions.Path
	var holders []claims.Request
	var keys []claims.Key
	for i := range n {
		w.role.Permissions = append(w.role.Permissions, fmt.Sprintf("/certificates/collections/read/%d/", i+1))
		w.role.Claims = append(w.role.Claims, adGroup(fmt.Sprintf(`KEYEXAMPLE\group-%d`, i)))
		more = append(more, permissions.Path(fmt.Sprintf("/certificates/collections/revoke/%d/", i+1)))
		holders = append(holders, claims.Request{Type: claims.TypeGroup, Value: fmt.Sprintf("Group-%d", i), Scheme: "active directory", Description: "d"})
		keys = append(keys, holders[i].Key())
	}
	s := w.service()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // quadratic work took several
	defer cancel()
	for name, edit := range map[string]func() (*roles.RoleV2, security.Change, error){
		"no change": func() (*roles.RoleV2, security.Change, error) {
			return s.Edit(ctx, 5, func(*roles.UpdateV2) error { return nil })
		},
		"held claims": func() (*roles.RoleV2, security.Change, error) { return s.AddClaims(ctx, 5, holders) },
	} {
		if _, change, err := edit(); err != nil || change.Action != security.Unchanged {
			t.Errorf("%s: %v, %v", name, change.Action, err)
		}
	}
	begin := time.Now()
	role, _, err := s.Grant(ctx, 5, more)
	if err != nil || len(role.Permissions) != 1+2*n {
		t.Fatal(err)
	}
	if role, _, err = s.Revoke(ctx, 5, more); err != nil || len(role.Permissions) != 1+n {
		t.Fatal(err)
	}
	if role, _, err = s.RemoveClaims(ctx, 5, keys); err != nil || len(role.Claims) != 0 {
		t.Fatal(err)
	}
	t.Logf("three changes took %v", time.Since(begin))
}

// An edit whose function outlives the context does not report success.
func TestEditEndsAfterALongFunction(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Ops", "new"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _, err := w.service().Edit(ctx, 5, func(u *roles.UpdateV2) error {
				time.Sleep(time.Minute)
				u.Description = text
				return nil
			})
			is(t, err, context.DeadlineExceeded)
			if isNot(t, err, security.ErrUnknownOutcome); w.writes() > 0 {
				t.Errorf("%d writes", w.writes())
			}
		})
	}
}

// Names with characters that do not show are refused in what is made or renamed. A
// role that has such a name already can be edited and renamed.
func TestNamesThatDoNotShow(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a\nb", "a\x1b[31mb", "a\u202eb", "a\u200bb", "a\u2028b", "a\u0085b", "a\xffb"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s := w.service()
			_, err := s.Create(t.Context(), roles.CreateV2{Name: name, Description: "d"})
			apitest.Refused(t, err, "Name")
			_, _, err = s.Ensure(t.Context(), roles.CreateV2{Name: name, Description: "d"})
			apitest.Refused(t, err, "Name")
			v1 := roles.NewV1(apitest.NewClient(t, w))
			_, err = v1.Create(t.Context(), roles.CreateV1{Name: name, Description: "d"})
			apitest.Refused(t, err, "Name")
			_, err = v1.Copy(t.Context(), 5, roles.CopyV1{Name: name, Description: "d"})
			apitest.Refused(t, err, "Name")
			_, _, err = s.Edit(t.Context(), 5, func(u *roles.UpdateV2) error { u.Name = name; return nil })
			if problems, _ := errors.AsType[security.FieldErrors](err); len(problems) != 1 || problems[0].Field != "Name" {
				t.Errorf("renaming to %q: %v", name, err)
			}
			if w.writes() > 0 {
				t.Errorf("%d writes", w.writes())
			}
			if strings.Contains(name, "\xff") {
				return
			}
			w.role.Name = name
			if _, _, err := s.Edit(t.Context(), 5, describe("new")); err != nil {
				t.Errorf("a role of the name %q: %v", name, err)
			}
			if _, _, err := s.Edit(t.Context(), 5, func(u *roles.UpdateV2) error { u.Name = "good"; return nil }); err != nil {
				t.Errorf("renaming from %q: %v", name, err)
			}
		})
	}
}
