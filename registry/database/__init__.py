"""The metadata store: schema, migrations, connections."""
