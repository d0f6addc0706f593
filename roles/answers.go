package roles

import (
	"errors"
	"fmt"

	"github.com/commandsec/commandsec-go/internal/names"
	"github.com/commandsec/commandsec-go/internal/service"
	"github.com/commandsec/commandsec-go/permissions"
)

func (r RoleV1) key() (id int, name string) { return r.ID, r.Name }
func (r RoleV2) key() (id int, name string) { return r.ID, r.Name }

// keyed is a role in an answer.
type keyed interface{ key() (id int, name string) }

// about refuses an answer about another role than the one with an id.
func about(id int) func(any) error {
	return func(answer any) error {
		if got, _ := answer.(keyed).key(); got != id {
			return fmt.Errorf("it is about role %d, and not about role %d", got, id)
		}
		return nil
	}
}

// named refuses an answer about another role than the one that was to be made.
func named(name string) func(any) error {
	return func(answer any) error {
		switch id, got := answer.(keyed).key(); {
		case id < 1:
			return errors.New("it has no id")
		case !names.SameText(got, name):
			return fmt.Errorf("it is about role %q, and not about role %q", got, name)
		}
		return nil
	}
}

// updated refuses an answer about another role than the one that was to be written,
// or about the role as it was called before.
func updated(id int, name string) func(any) error {
	return func(answer any) error {
		if err := about(id)(answer); err != nil {
			return err
		}
		return named(name)(answer)
	}
}

// copied refuses an answer about another role than a new one with a name.
func copied(source int, name string) func(any) error {
	return func(answer any) error {
		if id, _ := answer.(keyed).key(); id == source {
			return fmt.Errorf("it is about role %d, which was to be copied, and not about the copy", id)
		}
		return named(name)(answer)
	}
}

// The lists below a role. An item that does not say what it is about is no answer.
//
// A change is answered with a list. Which one is not documented for all of them: it
// may be what was sent, or what the role holds now. So an empty list says nothing,
// and any other holds at least what was sent: the server may add what a permission
// needs. A list that was replaced holds nothing about other objects.

func members(more ...func([]RoleIdentityV1) error) func(any) error {
	return service.Each("id", func(i *RoleIdentityV1) bool { return i.ID > 0 }, more...)
}

// onlyThese refuses other identities than those with these ids, which are all that
// hold the role now.
func onlyThese(ids []int) func([]RoleIdentityV1) error {
	return func(answer []RoleIdentityV1) error {
		missing := make(map[int]bool, len(ids))
		for _, id := range ids {
			missing[id] = true
		}
		for _, identity := range answer {
			if _, sent := missing[identity.ID]; !sent {
				return fmt.Errorf("it lists identity %d, which was not sent", identity.ID)
			}
			missing[identity.ID] = false
		}
		for _, id := range ids {
			if len(answer) > 0 && missing[id] {
				return fmt.Errorf("it does not list identity %d, which was sent", id)
			}
		}
		return nil
	}
}

func globalList(more ...func([]GlobalPermissionV1) error) func(any) error {
	return service.Each("area and permission", func(p *GlobalPermissionV1) bool { return p.Area != "" && p.Permission != "" }, more...)
}

// globalsGiven refuses a list that lacks what was sent. Several names can stand for
// one path, and some for none: a server that keeps paths may answer with another name,
// or leave one out. So a name also counts if its paths are covered, or if it has none.
func globalsGiven(sent []GlobalPermissionV1, complete bool) func([]GlobalPermissionV1) error {
	return func(answer []GlobalPermissionV1) error {
		switch {
		case len(answer) == 0:
			return nil
		case complete && len(sent) == 0:
			return fmt.Errorf("it lists %s, and none was sent", answer[0].Legacy())
		}
		listed := make(map[string]bool, len(answer))
		shown := make([]permissions.Legacy, len(answer))
		for i, p := range answer {
			shown[i] = p.Legacy()
			listed[names.Fold(string(shown[i]))] = true
		}
		var held *permissions.Set
		for _, p := range sent {
			if listed[names.Fold(string(p.Legacy()))] {
				continue
			}
			if held == nil {
				held = new(permissions.Convert(shown, nil).Set)
			}
			if paths := permissions.Convert([]permissions.Legacy{p.Legacy()}, nil).Set; !held.Covers(paths) {
				return fmt.Errorf("it does not list %s, which was sent", p.Legacy())
			}
		}
		return nil
	}
}

func collectionList(more ...func([]CollectionPermissionV1) error) func(any) error {
	return service.Each("collection and permission", func(p *CollectionPermissionV1) bool { return p.CollectionID > 0 && p.Permission != "" }, more...)
}

func collectionEcho(sent []CollectionPermissionV1, complete bool) func([]CollectionPermissionV1) error {
	return echo(sent, complete, "collection", func(p CollectionPermissionV1) (int, []string) {
		return p.CollectionID, []string{string(p.Permission)}
	})
}

func containerList(more ...func([]ContainerPermissionV1) error) func(any) error {
	return service.Each("container and permission", func(p *ContainerPermissionV1) bool { return p.ContainerID > 0 && p.Permission != "" }, more...)
}

func containerEcho(sent []ContainerPermissionV1, complete bool) func([]ContainerPermissionV1) error {
	return echo(sent, complete, "container", func(p ContainerPermissionV1) (int, []string) {
		return p.ContainerID, []string{string(p.Permission)}
	})
}

func pamProviderList(more ...func([]PAMProviderPermissionsV1) error) func(any) error {
	return service.Each("PAM provider", func(p *PAMProviderPermissionsV1) bool { return p.PAMProviderID > 0 }, more...)
}

func pamProviderEcho(sent []PAMProviderPermissionsV1) func([]PAMProviderPermissionsV1) error {
	return echo(sent, true, "PAM provider", func(p PAMProviderPermissionsV1) (int, []string) {
		held := make([]string, len(p.Permissions))
		for i, permission := range p.Permissions {
			held[i] = string(permission)
		}
		return p.PAMProviderID, held
	})
}

// echo refuses the answer to a change of permissions on objects that lacks what was
// sent or, if that was the complete list, is about objects that were not in it.
func echo[T any](sent []T, complete bool, object string, read func(T) (id int, held []string)) func([]T) error {
	type grant struct {
		id         int
		permission string
	}
	return func(answer []T) error {
		if len(answer) == 0 {
			return nil
		}
		meant := make(map[int]bool, len(sent))
		for _, item := range sent {
			id, wanted := read(item)
			meant[id] = meant[id] || len(wanted) > 0
		}
		listed := make(map[grant]bool, len(answer))
		for _, item := range answer {
			id, held := read(item)
			if complete && len(held) > 0 && !meant[id] {
				return fmt.Errorf("it lists permissions on %s %d, and none was sent", object, id)
			}
			for _, permission := range held {
				listed[grant{id, names.Fold(permission)}] = true
			}
		}
		for _, item := range sent {
			id, wanted := read(item)
			for _, permission := range wanted {
				if !listed[grant{id, names.Fold(permission)}] {
					return fmt.Errorf("it does not list %s on %s %d, which was sent", permission, object, id)
				}
			}
		}
		return nil
	}
}
