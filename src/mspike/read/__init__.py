"""Reading what registries have; the only room that sees foreign names, codes and units."""
