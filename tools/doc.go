// Package tools holds no code. Its module pins the tools that checks need, so
// that none of them reaches the go.mod of the library. Commands that drive them
// are in the directories below.
package tools
