package snapshot

// Decode reads a snapshot from the content of a file.
func Decode(data []byte) (*Snapshot, error) { return decode(data) }

// Encode returns the content of a file.
func (s *Snapshot) Encode() ([]byte, error) { return s.Sorted().encode() }
