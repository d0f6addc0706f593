package review

import (
	"io"

	"github.com/commandsec/commandsec-go/internal/yamlfile"
)

// maxFile is the size of the largest file of rules or people, in bytes.
const maxFile = 1 << 20

// A yamlFile is a file of rules or people while it is read.
type yamlFile struct{ yamlfile.File }

// read returns the items of the lists under the keys of the file. what is what the file
// holds, for the error.
func (f *yamlFile) read(from io.Reader, what string, keys ...string) (map[string][]*yamlfile.Node, error) {
	members, err := f.Read(from, what, maxFile, keys...)
	if err != nil {
		return nil, err
	}
	lists := map[string][]*yamlfile.Node{}
	for key, value := range members {
		lists[key] = f.List(value, key)
	}
	return lists, nil
}
