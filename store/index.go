package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// index is Badger, holding only what can be derived from the folders or may be lost. Its keys start with one byte:
// that of a space (see space.key), 'd' for Datastore, 'v' for the format.
type index struct {
	db    *badger.DB
	disk  *disk
	log   *slog.Logger
	dir   string
	fresh bool // nothing in it when it was opened

	// damaged is set when a value does not match its checksum; the next Open rebuilds.
	damaged atomic.Bool

	// write is held while lists of references are read, changed and written.
	write sync.Mutex

	merging sync.Mutex // held by merge
}

var (
	formatKey   = []byte("v")
	formatValue = []byte("1")
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

var errNoRecord = errors.New("no such record")

// openIndex opens the index, starting an empty one when the old one cannot be trusted. A marker lies beside it while
// Badger opens: if opening kills the process (a truncated file is a SIGBUS), the next attempt starts afresh.
func openIndex(dir string, d *disk, log *slog.Logger) (*index, error) {
	marker := dir + ".opening"
	if _, err := os.Stat(marker); err == nil {
		log.Warn("index was not opened cleanly last time, starting a new one", "dir", dir)
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return nil, err
	}
	db, err := openBadger(dir, log)
	if err != nil {
		if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) {
			return nil, err
		}
		log.Warn("index is damaged, starting a new one", "dir", dir, "err", err)
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
		if db, err = openBadger(dir, log); err != nil {
			return nil, fmt.Errorf("open index: %w", err)
		}
	}
	x := &index{db: db, disk: d, log: log, dir: dir}
	if v, err := x.get(formatKey); err != nil || string(v) != string(formatValue) {
		x.fresh = true
		if err := db.DropAll(); err != nil {
			db.Close()
			return nil, fmt.Errorf("empty index: %w", err)
		}
	}
	return x, os.Remove(marker)
}

// settle records that the index is complete. Until then a crash makes the next Open begin again.
func (x *index) settle() error {
	if !x.fresh {
		return nil
	}
	return x.set(formatKey, formatValue)
}

func openBadger(dir string, log *slog.Logger) (db *badger.DB, err error) {
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("badger: %v", p)
		}
	}()
	watch := &badgerLog{log: log}
	db, err = badger.Open(badger.DefaultOptions(dir).
		WithLogger(watch).
		WithMetricsEnabled(false).
		WithSyncWrites(true).
		WithValueThreshold(1 << 10).
		WithValueLogFileSize(64 << 20).
		WithMemTableSize(8 << 20).
		WithNumMemtables(2).
		WithBlockCacheSize(0).
		WithIndexCacheSize(4 << 20).
		WithNumCompactors(0). // see merge
		WithCompactL0OnClose(true).
		WithCompression(options.None).
		WithDetectConflicts(false).
		WithBypassLockGuard(true). // the store has a lock of its own
		// Badger leaves a table with a wrong checksum out and goes on without a word to the caller; badgerLog hears it.
		WithChecksumVerificationMode(options.OnTableRead))
	if err == nil && watch.errors.Load() > 0 {
		db.Close()
		return nil, errors.New("badger: tables with wrong checksums")
	}
	return db, err
}

// close flushes what Badger holds in memory. On a full disk that would kill the process, and is left to the next start:
// everything acknowledged is in Badger's log already.
func (x *index) close() error {
	err := x.disk.guard()
	if err == nil {
		err = x.db.Close()
	}
	if x.damaged.Load() {
		err = errors.Join(err, os.WriteFile(x.dir+".opening", nil, 0o600))
	}
	if err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return nil
}

// get returns a copy of a value. A value that does not match its checksum counts as absent: what it said can be
// derived again.
func (x *index) get(key []byte) ([]byte, error) {
	var v []byte
	err := x.db.View(func(txn *badger.Txn) error {
		it, err := txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return errNoRecord
		}
		if err != nil {
			return err
		}
		return it.Value(func(b []byte) error {
			v, err = x.unseal(b)
			return err
		})
	})
	return v, err
}

// each calls f for every record under prefix; key and value are copies.
func (x *index) each(prefix []byte, f func(key, value []byte) error) error {
	return x.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = prefix
		it := txn.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			var v []byte
			err := it.Item().Value(func(b []byte) (err error) {
				v, err = x.unseal(b)
				return err
			})
			if errors.Is(err, errNoRecord) {
				continue
			}
			if err != nil {
				return err
			}
			if err := f(it.Item().KeyCopy(nil), v); err != nil {
				return err
			}
		}
		return nil
	})
}

func (x *index) set(key, value []byte) error {
	return x.commit(func(b *badger.WriteBatch) error { return b.Set(key, seal(value)) })
}

// commit writes a batch; when it returns nil the batch is durable.
func (x *index) commit(f func(*badger.WriteBatch) error) error {
	if err := x.disk.guard(); err != nil {
		return err
	}
	if err := x.merge(); err != nil {
		return err
	}
	b := x.db.NewWriteBatch()
	defer b.Cancel()
	if err := f(b); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return nil
}

// seal appends a checksum, because Badger returns flipped bits as they are.
func seal(v []byte) []byte {
	out := make([]byte, len(v), len(v)+4)
	copy(out, v)
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(v, castagnoli))
}

func (x *index) unseal(b []byte) ([]byte, error) {
	n := len(b) - 4
	if n < 0 || crc32.Checksum(b[:n], castagnoli) != binary.BigEndian.Uint32(b[n:]) {
		if !x.damaged.Swap(true) {
			x.log.Error("index holds a wrong value, it will be rebuilt at the next start", "dir", x.dir)
		}
		return nil, errNoRecord
	}
	return append(make([]byte, 0, n), b[:n]...), nil
}

// badgerLog passes Badger's words on at debug level and counts its errors.
type badgerLog struct {
	log    *slog.Logger
	errors atomic.Int64
}

func (l *badgerLog) Errorf(f string, a ...any) {
	l.errors.Add(1)
	l.log.Error("badger", "msg", strings.TrimSpace(fmt.Sprintf(f, a...)))
}
func (l *badgerLog) Warningf(f string, a ...any) { l.debug(f, a...) }
func (l *badgerLog) Infof(f string, a ...any)    { l.debug(f, a...) }
func (l *badgerLog) Debugf(f string, a ...any)   { l.debug(f, a...) }

func (l *badgerLog) debug(f string, a ...any) {
	l.log.Debug("badger", "msg", strings.TrimSpace(fmt.Sprintf(f, a...)))
}
