package identity

import (
	"errors"
	"io/fs"
	"path"

	"chasqui/node"
)

// WriteFile replaces the file called name with content, atomically and durably: after a crash the name leads to the
// old content or to the whole new one, and to the new one once WriteFile has returned nil. It uses the name with
// ".tmp" at its end on the way; two calls for one name must not overlap.
func WriteFile(disk node.Disk, name string, content []byte) error {
	temporary := name + ".tmp"
	if err := disk.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := disk.Create(temporary)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(content, 0)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := disk.Rename(temporary, name); err != nil {
		return err
	}
	return disk.SyncDir(path.Dir(name))
}
