package atomicfile_test

import (
	"os"
	"testing"

	"github.com/commandsec/commandsec-go/internal/atomicfile"
)

// What is no file is not replaced by one.
func TestDevice(t *testing.T) {
	t.Parallel()
	if err := atomicfile.Write(os.DevNull, []byte("x")); err == nil {
		t.Errorf("%s was written", os.DevNull)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("%s was replaced: %v, %v", os.DevNull, info, err)
	}
}
