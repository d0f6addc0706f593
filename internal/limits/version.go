package limits

import "fmt"

// BeforeEmail reports whether a version of Command is certainly older than 24.4, the
// first with e-mail addresses of roles. A server may not tell its version.
func BeforeEmail(version string) bool {
	var major, minor int
	n, _ := fmt.Sscanf(version, "%d.%d", &major, &minor) // what is no version is none that is older
	return n == 2 && (major < 24 || major == 24 && minor < 4)
}
