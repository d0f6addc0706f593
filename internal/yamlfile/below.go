package yamlfile

import (
	"fmt"
	"io"
	"os"
)

// Below reads a file of at most limit bytes below a folder, wherever links lead: a file
// in a pull request must not make the one who tries it read other files.
func Below(dir, name string, limit int64) ([]byte, error) {
	f, err := os.OpenInRoot(dir, name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	return bounded(f, limit)
}

// bounded reads all there is, up to a limit.
func bounded(from io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("the file is larger than %d MiB", limit>>20)
	}
	return data, nil
}
