"""What a coordinate is paired with: sources that turn locations into frozen features, and know no encoder."""
