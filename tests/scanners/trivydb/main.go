// trivydb builds a vulnerability database for Trivy out of a JSON file: the real file format
// (trivy-db's schema 2 in bbolt), with as few advisories as a test needs.
//
//	trivydb ADVISORIES.json DIRECTORY UPDATED-AT
//
// makes DIRECTORY/trivy.db and DIRECTORY/metadata.json. UPDATED-AT is RFC 3339.
//
// Source: github.com/aquasecurity/trivy-db, pkg/db and pkg/metadata.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

type content struct {
	// by platform (the bucket), package and vulnerability
	Advisories map[string]map[string]map[string]json.RawMessage
	// by vulnerability
	Vulnerabilities map[string]json.RawMessage
	// by platform
	DataSources map[string]json.RawMessage
}

func main() {
	if len(os.Args) != 4 {
		fail(fmt.Errorf("usage: trivydb ADVISORIES.json DIRECTORY UPDATED-AT"))
	}
	text, err := os.ReadFile(os.Args[1])
	fail(err)
	var all content
	fail(json.Unmarshal(text, &all))
	fail(os.MkdirAll(os.Args[2], 0o755))
	path := filepath.Join(os.Args[2], "trivy.db")
	_ = os.Remove(path)
	database, err := bolt.Open(path, 0o644, nil)
	fail(err)
	fail(database.Update(func(tx *bolt.Tx) error { return write(tx, all) }))
	fail(database.Close())
	fail(metadata(filepath.Join(os.Args[2], "metadata.json"), os.Args[3]))
}

func write(tx *bolt.Tx, all content) error {
	for platform, packages := range all.Advisories {
		for name, advisories := range packages {
			for id, advisory := range advisories {
				if err := put(tx, id, advisory, platform, name); err != nil {
					return err
				}
			}
		}
	}
	for id, details := range all.Vulnerabilities {
		if err := put(tx, id, details, "vulnerability"); err != nil {
			return err
		}
	}
	for platform, source := range all.DataSources {
		if err := put(tx, platform, source, "data-source"); err != nil {
			return err
		}
	}
	return nil
}

func put(tx *bolt.Tx, key string, value []byte, path ...string) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(path[0]))
	for _, name := range path[1:] {
		if err != nil {
			return err
		}
		bucket, err = bucket.CreateBucketIfNotExists([]byte(name))
	}
	if err != nil {
		return err
	}
	return bucket.Put([]byte(key), value)
}

func metadata(path, updatedAt string) error {
	updated, err := time.Parse(time.RFC3339, updatedAt)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{
		"Version":   2,
		"UpdatedAt": updated,
		// Never due: what a test scans with is this one.
		"NextUpdate": updated.AddDate(100, 0, 0),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
