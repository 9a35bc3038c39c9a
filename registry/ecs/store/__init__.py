"""ECS's own rows, in `ecs.db`: clusters, task definitions, tasks, services.

What is looked up has a column; the rest of each thing is a document in the words of ECS's model.
"""
