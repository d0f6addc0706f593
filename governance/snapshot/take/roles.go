package take

import (
	"cmp"
	"context"
	"fmt"

	"github.com/commandsec/commandsec-go/governance/snapshot"
	"github.com/commandsec/commandsec-go/permissions"
)

// roles are the tasks that read the roles of the list of version 2 in full.
func (r *reader) roles() []task {
	tasks := make([]task, 0, len(r.summaries))
	for _, summary := range r.summaries {
		tasks = append(tasks, func(ctx context.Context) error {
			role, err := r.v2.Get(ctx, summary.ID, r.call...)
			if err != nil {
				return r.miss(snapshot.PartRolesV2, summary.ID, summary.Name, err)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.details[summary.ID] = role
			return nil
		})
	}
	return tasks
}

// miss makes a gap of an error about a role, if it is a reason to go on without it.
func (r *reader) miss(part snapshot.Part, id int, name string, err error) error {
	gap, excused := excuse(part, cmp.Or(name, fmt.Sprintf("(the role with id %d, which has no name)", id)), err)
	if !excused {
		return err
	}
	r.gap(gap)
	if gap.Reason == snapshot.ReasonGone {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gone[id] = true
	}
	return nil
}

// names are the tasks that read, for each role, the version 1 names for single
// objects. Command 10 has none for PAM providers.
func (r *reader) names() []task {
	known := map[int]string{}
	for _, s := range r.summaries {
		known[s.ID] = s.Name
	}
	for _, role := range r.rolesV1 {
		known[role.ID] = role.Name
	}
	kinds := []func(context.Context, int) ([]permissions.Legacy, error){r.collectionNames, r.containerNames, r.pamNames}
	if r.legacy() {
		kinds = kinds[:2]
	}
	var tasks []task
	for id, name := range known {
		tasks = append(tasks, func(ctx context.Context) error { return r.readNames(ctx, id, name, kinds) })
	}
	return tasks
}

// readNames reads the names of one role for single objects of all kinds.
func (r *reader) readNames(ctx context.Context, id int, role string, kinds []func(context.Context, int) ([]permissions.Legacy, error)) error {
	all := []permissions.Legacy{}
	for _, kind := range kinds {
		names, err := kind(ctx, id)
		if err != nil {
			return r.miss(snapshot.PartObjectNames, id, role, err)
		}
		all = append(all, names...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.objectNames[id] = all
	return nil
}

func (r *reader) collectionNames(ctx context.Context, id int) ([]permissions.Legacy, error) {
	held, err := r.v1.CollectionPermissions(ctx, id, r.call...)
	names := make([]permissions.Legacy, 0, len(held))
	for _, p := range held {
		names = append(names, p.Permission.On(p.CollectionID))
	}
	return names, err
}

func (r *reader) containerNames(ctx context.Context, id int) ([]permissions.Legacy, error) {
	held, err := r.v1.ContainerPermissions(ctx, id, r.call...)
	names := make([]permissions.Legacy, 0, len(held))
	for _, p := range held {
		names = append(names, p.Permission.On(p.ContainerID))
	}
	return names, err
}

func (r *reader) pamNames(ctx context.Context, id int) ([]permissions.Legacy, error) {
	held, err := r.v1.PAMProviderPermissions(ctx, id, r.call...)
	var names []permissions.Legacy
	for _, p := range held {
		for _, name := range p.Permissions {
			names = append(names, name.On(p.PAMProviderID))
		}
	}
	return names, err
}
