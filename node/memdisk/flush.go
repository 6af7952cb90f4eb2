package memdisk

// Flush is a sync under way. What it covers was fixed when it began: changes made since are not its business. Until
// Finish a crash may lose them all.
type Flush struct {
	disk   *Disk
	entry  *entry
	order  uint64 // of the last change that it covers
	bytes  int64
	count  int
	closed bool
}

// BeginSync begins a sync of what was written to the file. The fault function is not asked.
func (f *File) BeginSync() (*Flush, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.open("sync"); err != nil {
		return nil, err
	}
	return f.flush(), nil
}

// BeginSyncDir begins a sync of the names in a folder. The fault function is not asked.
func (d *Disk) BeginSyncDir(dir string) (*Flush, error) {
	if err := validNames("syncdir", dir); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flushDir(dir)
}

// flush returns a flush of the file as it is at the moment.
func (f *File) flush() *Flush {
	flush := &Flush{disk: f.disk, entry: f.entry, order: f.disk.order}
	for i := range f.entry.changes {
		if c := &f.entry.changes[i]; c.state == unsynced {
			flush.bytes += int64(len(c.data))
			flush.count++
		}
	}
	return flush
}

// flushDir returns a flush of the folder as it is at the moment.
func (d *Disk) flushDir(dir string) (*Flush, error) {
	folder, err := d.folder("syncdir", dir)
	if err != nil {
		return nil, err
	}
	flush := &Flush{disk: d, entry: folder, order: d.order}
	for _, s := range folder.steps {
		if s.state == unsynced {
			flush.count++
		}
	}
	return flush, nil
}

// Bytes returns how many bytes of writes the flush has to make durable.
func (f *Flush) Bytes() int64 { return f.bytes }

// Changes returns how many writes, truncates or changes of names the flush has to make durable.
func (f *Flush) Changes() int { return f.count }

// Finish makes durable what the flush covers. Only the first of Finish and Fail does anything.
func (f *Flush) Finish() {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.end(durable)
}

// Fail ends the flush as an error does: what it covers stays uncertain, whatever later syncs return.
func (f *Flush) Fail() {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.end(doomed)
}

// end gives everything unsynced that the flush covers its state. The disk's lock is held.
func (f *Flush) end(outcome state) {
	if f.closed {
		return
	}
	f.closed = true
	for i := range f.entry.changes {
		if c := &f.entry.changes[i]; c.state == unsynced && c.order <= f.order {
			c.state = outcome
		}
	}
	for _, s := range f.entry.steps {
		if s.state == unsynced && s.order <= f.order {
			s.state = outcome
		}
	}
	f.entry.settleBytes()
	f.entry.settleNames()
}

// outcomeOf is the state that a sync's end gives.
func outcomeOf(fault error) state {
	if fault != nil {
		return doomed
	}
	return durable
}
