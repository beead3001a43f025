package main

import (
	"sort"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// question is a line for `reader versions`: the versions in an index, which are also taken for the
// tags of a registry, and what is wanted of them.
type question struct {
	Versions []string `json:"versions"`
	Wanted   string   `json:"wanted"`
}

// choice is the line that answers it.
//
// Newest is what Helm chooses in the index, and Tag what it chooses among the tags, null where there
// is nothing; the errors are why Helm does not choose. IsVersion says whether it would pull the
// wanted tag unseen.
type choice struct {
	Newest      *string `json:"newest"`
	NewestError string  `json:"newest_error"`
	Tag         *string `json:"tag"`
	TagError    string  `json:"tag_error"`
	IsVersion   bool    `json:"is_version"`
}

// choose goes the way of Helm v4.2.4, with its version of the library: loadIndex and IndexFile.Get in
// pkg/repo/v1/index.go, Client.Tags in pkg/registry/client.go, GetTagMatchingVersionOrConstraint in
// pkg/registry/tag.go. What they do with versions is repeated here, as those packages bring most of
// Helm with them.
func choose(asked question) choice {
	var answered choice
	_, err := semver.NewVersion(asked.Wanted)
	answered.IsVersion = err == nil

	if answered.Newest, err = newest(asked.Versions, asked.Wanted); err != nil {
		answered.NewestError = err.Error()
	}
	if answered.Tag, err = newestTag(asked.Versions, asked.Wanted); err != nil {
		answered.TagError = err.Error()
	}
	return answered
}

func newest(texts []string, wanted string) (*string, error) {
	var versions []*semver.Version
	for _, text := range texts {
		if version, err := semver.NewVersion(text); err == nil {
			versions = append(versions, version)
		}
	}
	sort.Sort(sort.Reverse(semver.Collection(versions)))
	constraint, err := constraintFor(wanted)
	if err != nil {
		return nil, err
	}
	for _, version := range versions {
		if version.Original() == wanted {
			return &wanted, nil
		}
	}
	return first(versions, constraint), nil
}

func newestTag(tags []string, wanted string) (*string, error) {
	var versions []*semver.Version
	for _, tag := range tags {
		version, err := semver.StrictNewVersion(strings.ReplaceAll(tag, "_", "+"))
		if err == nil {
			versions = append(versions, version)
		}
	}
	sort.Sort(sort.Reverse(semver.Collection(versions)))
	for _, version := range versions {
		if version.String() == wanted {
			return &wanted, nil
		}
	}
	constraint, err := constraintFor(wanted)
	if err != nil {
		return nil, err
	}
	return first(versions, constraint), nil
}

func constraintFor(wanted string) (*semver.Constraints, error) {
	if wanted == "" {
		wanted = "*"
	}
	return semver.NewConstraint(wanted)
}

func first(versions []*semver.Version, constraint *semver.Constraints) *string {
	for _, version := range versions {
		if constraint.Check(version) {
			found := version.Original()
			return &found
		}
	}
	return nil
}
