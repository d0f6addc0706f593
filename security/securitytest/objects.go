package securitytest

import (
	"cmp"
	"maps"
	"slices"
)

// The lists of what single permissions are about: certificate collections, certificate store containers and PAM
// providers. They are no part of the security API, but whoever reads a role needs the names behind the ids. What the
// caller must hold, the sort fields, and the members beside Id and Name (of collections also Description and Content)
// are assumptions; real answers have more members.

// object is something that permissions can be limited to.
type object struct {
	id                int
	name, description string
	query             string // of a collection
}

// collectionBody is a collection as its list shows it. Content is its query.
type collectionBody struct {
	ID          int `json:"Id"`
	Name        string
	Description string
	Content     string
}

// objectBody is a container or a PAM provider as its list shows it.
type objectBody struct {
	ID   int `json:"Id"`
	Name string
}

func objectColumns() []column[*object] {
	return []column[*object]{
		{name: "Id", kind: number, sorts: true, value: func(o *object) value { return value{number: o.id} }},
		{name: "Name", sorts: true, filter: true, value: func(o *object) value { return value{text: o.name} }},
	}
}

func listCollections(c *call) (any, error) {
	return listObjects(c, collections, func(o *object) collectionBody {
		return collectionBody{o.id, o.name, o.description, o.query}
	})
}

func listContainers(c *call) (any, error) { return listObjects(c, containers, (*object).body) }

func listPAMProviders(c *call) (any, error) { return listObjects(c, pamProviders, (*object).body) }

func (o *object) body() objectBody { return objectBody{o.id, o.name} }

// listObjects is a page of the objects of a kind, each as show writes it.
func listObjects[T any](c *call, kind string, show func(*object) T) (any, error) {
	page, err := pageOf(c, c.h.lists.objects[kind], func() []*object {
		return slices.SortedFunc(maps.Values(c.s.objects[kind]), func(a, b *object) int { return cmp.Compare(a.id, b.id) })
	})
	result := make([]T, 0, len(page))
	for _, o := range page {
		result = append(result, show(o))
	}
	return result, err
}

// putObject stores an object, giving it an id if it has none.
func (s *state) putObject(kind string, o object) int {
	if o.id == 0 {
		o.id = len(s.objects[kind]) + 1
		for s.objects[kind][o.id] != nil {
			o.id++
		}
	}
	s.objects[kind][o.id] = &o
	s.writes++
	return o.id
}

// objectName is the name of an object, empty if there is none.
func (s *state) objectName(kind string, id int) string {
	if o := s.objects[kind][id]; o != nil {
		return o.name
	}
	return ""
}

// PutCollection adds a collection, or replaces the one with its id, and returns the id. It plays the person who edits
// the query of a collection.
func (h *Handler) PutCollection(collection Collection) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.putObject(collections, collection.object())
}

func (c Collection) object() object { return object{c.ID, c.Name, c.Description, c.Query} }
